//! Histories on a real OTP node: written as Erlang terms, replayed by a script, read back.

use std::io::{ErrorKind, Write};
use std::process::{Command, Stdio};

use super::{AutoShutdown, Child, Event, History, Line, Reason, Restart, Shutdown, Strategy, Sup};
use super::{ShutdownWord, parse_line};

/// What replays histories on OTP's own supervisor.
const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../loadtest/otp/histories.escript");

/// Why there are no traces of OTP.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("escript is missing; install the package erlang-base")]
    Absent,
    #[error("cannot run escript")]
    Run(#[source] std::io::Error),
    #[error("escript failed: {0}")]
    Failed(String),
    #[error("history {number} has no trace that could be read: {text}")]
    Unread { number: usize, text: String },
}

/// Replays all of these on one OTP node, many at a time, and returns a trace for each.
pub fn traces(histories: &[History]) -> Result<Vec<Vec<Line>>, Error> {
    let terms: String = (0..).zip(histories).map(|(id, history)| term(id, history)).collect();
    let text = run(&terms)?;
    let mut traces: Vec<Vec<Line>> = Vec::with_capacity(histories.len());
    for line in text.lines() {
        if line.strip_prefix('#').and_then(|id| id.parse().ok()) == Some(traces.len()) {
            traces.push(Vec::new());
            continue;
        }
        let number = traces.len().saturating_sub(1);
        let unread = || Error::Unread { number, text: line.to_owned() };
        let read = parse_line(line).ok_or_else(unread)?;
        traces.last_mut().ok_or_else(unread)?.push(read);
    }
    match traces.len() == histories.len() {
        true => Ok(traces),
        false => Err(Error::Unread { number: traces.len(), text: "nothing".to_owned() }),
    }
}

fn run(terms: &str) -> Result<String, Error> {
    let mut escript = Command::new("escript")
        .args([SCRIPT, "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|error| match error.kind() == ErrorKind::NotFound {
            true => Error::Absent,
            false => Error::Run(error),
        })?;
    let mut input = escript.stdin.take().expect("its input is piped");
    let output = std::thread::scope(|scope| {
        // Beside reading, since it prints before it has read everything. If it ends early, that
        // shows in its status.
        scope.spawn(move || input.write_all(terms.as_bytes()));
        escript.wait_with_output().map_err(Error::Run)
    })?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        let troubled = String::from_utf8_lossy(&output.stdout);
        let trouble = troubled.lines().find(|line| line.contains("trouble")).unwrap_or_default();
        return Err(Error::Failed(format!("{said}{trouble}")));
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// A history as the term that the script reads.
pub fn term(id: usize, history: &History) -> String {
    let events: Vec<String> = history.events.iter().map(event).collect();
    format!("{{history, {id}, {}, [{}]}}.\n", sup(&history.tree), events.join(", "))
}

fn sup(sup: &Sup) -> String {
    let strategy = match sup.strategy {
        Strategy::OneForOne => "one_for_one",
        Strategy::OneForAll => "one_for_all",
        Strategy::RestForOne => "rest_for_one",
        Strategy::SimpleOneForOne => "simple_one_for_one",
    };
    let auto_shutdown = match sup.auto_shutdown {
        AutoShutdown::Never => "never",
        AutoShutdown::AnySignificant => "any_significant",
        AutoShutdown::AllSignificant => "all_significant",
    };
    let children: Vec<String> = sup.children.iter().map(child).collect();
    format!(
        "{{sup, {}, {strategy}, {}, {}, {auto_shutdown}, [{}]}}",
        text(&sup.id),
        sup.intensity,
        sup.period_s,
        children.join(", ")
    )
}

fn child(child: &Child) -> String {
    let restart = match child.restart {
        Restart::Permanent => "permanent",
        Restart::Transient => "transient",
        Restart::Temporary => "temporary",
    };
    let shutdown = match child.shutdown {
        Shutdown::Word(ShutdownWord::BrutalKill) => "brutal_kill".to_owned(),
        Shutdown::Word(ShutdownWord::Infinity) => "infinity".to_owned(),
        Shutdown::Ms(ms) => ms.to_string(),
    };
    let (id, significant) = (text(&child.id), child.significant);
    match &child.sup {
        Some(below) => {
            let below = sup(below);
            format!("{{supervisor, {id}, {restart}, {shutdown}, {significant}, {below}}}")
        }
        None => {
            let (fails, stubborn) = (&child.fails, child.stubborn);
            format!("{{worker, {id}, {restart}, {shutdown}, {significant}, {fails:?}, {stubborn}}}")
        }
    }
}

fn event(event: &Event) -> String {
    match event {
        Event::Exit { exit, reason } => {
            let reason = match reason {
                Reason::Normal => "normal",
                Reason::Shutdown => "shutdown",
                Reason::Error => "error",
                Reason::Kill => "kill",
            };
            format!("{{exit, {}, {reason}}}", text(exit))
        }
        Event::Terminate { terminate } => format!("{{terminate, {}}}", text(terminate)),
        Event::Restart { restart } => format!("{{restart, {}}}", text(restart)),
        Event::Delete { delete } => format!("{{delete, {}}}", text(delete)),
        Event::Start { start, child: new } => format!("{{start, {}, {}}}", text(start), child(new)),
        Event::Sleep { sleep_ms } => format!("{{sleep_ms, {sleep_ms}}}"),
    }
}

/// A string of Erlang; whatever is no plain character is written as its number.
fn text(text: &str) -> String {
    let mut quoted = String::from("\"");
    for character in text.chars() {
        match character {
            '"' | '\\' => quoted.extend(['\\', character]),
            ' '..='~' => quoted.push(character),
            _ => quoted.push_str(&format!("\\x{{{:x}}}", u32::from(character))),
        }
    }
    quoted + "\""
}

#[cfg(test)]
mod tests {
    use super::term;
    use crate::history::parse;

    #[test]
    fn a_history_is_written_as_the_script_reads_it() {
        let history = concat!(
            r#"{"tree":{"id":"root","strategy":"rest_for_one","intensity":1,"period_s":5,"children":["#,
            r#"{"id":"a","restart":"transient","shutdown":30,"type":"worker","fails":[2,3],"stubborn":true},"#,
            r#"{"id":"s","restart":"permanent","shutdown":"infinity","type":"supervisor","sup":"#,
            r#"{"id":"s","strategy":"simple_one_for_one","intensity":0,"period_s":1,"auto_shutdown":"any_significant","#,
            r#""children":[{"id":"t","restart":"temporary","shutdown":"brutal_kill","significant":true,"type":"worker"}]}}]}}"#,
            "\n{\"exit\":\"root/a\",\"reason\":\"kill\"}\n{\"terminate\":\"root/\\\"é\"}\n{\"sleep_ms\":5}\n",
        );
        let history = parse(history).expect("a history");
        assert_eq!(
            term(7, &history),
            concat!(
                r#"{history, 7, {sup, "root", rest_for_one, 1, 5, never, "#,
                r#"[{worker, "a", transient, 30, false, [2, 3], true}, "#,
                r#"{supervisor, "s", permanent, infinity, false, "#,
                r#"{sup, "s", simple_one_for_one, 0, 1, any_significant, "#,
                r#"[{worker, "t", temporary, brutal_kill, true, [], false}]}}]}, "#,
                r#"[{exit, "root/a", kill}, {terminate, "root/\"\x{e9}"}, {sleep_ms, 5}]}."#,
                "\n"
            )
        );
    }
}
