//! Wrong traces by hand: each condition finds the one that breaks it.

use std::collections::BTreeMap;

use super::{Violation, check};
use crate::history::{Child, Event, History, Kind, Line, Reason, Restart, Shutdown, Sup, parse};

/// A tree in words: `strategy intensity auto_shutdown: id restart flags, …`, where a flag is
/// `significant`, `stubborn`, `brutal_kill` or the number of an attempt that fails.
fn tree(words: &str) -> Sup {
    let (head, children) = words.split_once(':').expect("a colon after the supervisor");
    let head: Vec<&str> = head.split_whitespace().collect();
    let text = format!(
        r#"{{"tree":{{"id":"root","strategy":"{}","intensity":{},"period_s":5,"auto_shutdown":"{}","children":[{}]}}}}"#,
        head[0],
        head[1],
        head[2],
        r#"{"id":"t","restart":"permanent","shutdown":10,"type":"worker"}"#,
    );
    let mut sup = parse(&text).expect("words for a supervisor").tree;
    sup.children = children.split(',').map(child).collect();
    sup
}

fn child(words: &str) -> Child {
    let words: Vec<&str> = words.split_whitespace().collect();
    let restart = match words[1] {
        "permanent" => Restart::Permanent,
        "transient" => Restart::Transient,
        _ => Restart::Temporary,
    };
    let shutdown = match words.contains(&"brutal_kill") {
        true => Shutdown::Word(crate::history::ShutdownWord::BrutalKill),
        false => Shutdown::Ms(10),
    };
    Child {
        id: words[0].to_owned(),
        restart,
        shutdown,
        significant: words.contains(&"significant"),
        kind: Kind::Worker,
        fails: words.iter().filter_map(|word| word.parse().ok()).collect(),
        stubborn: words.contains(&"stubborn"),
        sup: None,
    }
}

/// The same tree as a child of a root of its own strategy.
fn below(words: &str, tree: Sup) -> Sup {
    let mut root = self::tree(&format!("{words}: s permanent"));
    let sup = Sup { id: "s".to_owned(), ..tree };
    root.children[0].kind = Kind::Supervisor;
    root.children[0].sup = Some(sup);
    root
}

/// An event in words: `error a` is an exit; `terminate`, `restart`, `delete`, `start`, `sleep`.
fn event(words: &str) -> Event {
    let (verb, of) = words.split_once(' ').expect("a verb and whom it is about");
    let path = format!("root/{of}");
    let reason = match verb {
        "terminate" => return Event::Terminate { terminate: path },
        "restart" => return Event::Restart { restart: path },
        "delete" => return Event::Delete { delete: path },
        "start" => return Event::Start { start: "root".to_owned(), child: child(of) },
        "sleep" => return Event::Sleep { sleep_ms: of.parse().expect("milliseconds") },
        "normal" => Reason::Normal,
        "shutdown" => Reason::Shutdown,
        "kill" => Reason::Kill,
        _ => Reason::Error,
    };
    Event::Exit { exit: path, reason }
}

/// A trace in words: `+a` started, `!a` failed, `-a` stopped with shutdown or as it says, `ok` and
/// `error` results, `=` the last line with those who run. `/` is the root; a number is an attempt.
fn trace(words: &str) -> Vec<Line> {
    let mut attempts: BTreeMap<String, u32> = BTreeMap::new();
    let mut results = 1;
    let mut lines = Vec::new();
    for words in words.split(';').map(str::trim) {
        let (what, more) = words.split_once(' ').unwrap_or((words, ""));
        if what == "ok" || what == "error" {
            results = more.parse().unwrap_or(results + 1);
            lines.push(Line::Result {
                result: if what == "ok" { "ok" } else { "error" },
                of: results,
            });
            continue;
        }
        let (sign, name) = what.split_at(1);
        let path = if name == "/" { "root".to_owned() } else { format!("root/{name}") };
        let attempt = attempts.entry(path.clone()).or_default();
        *attempt += u32::from(sign == "+" || sign == "!");
        let n = more.parse().unwrap_or(*attempt);
        lines.push(match sign {
            "+" => Line::Started { started: path, n },
            "!" => Line::Failed { failed: path, n },
            "-" => Line::Stopped { stopped: path, reason: reason(more) },
            _ => {
                attempts.remove(&path);
                let run: Vec<&str> = more.split_whitespace().collect();
                let left = |path: &String| {
                    if run.contains(&path.as_str()) { "running" } else { "stopped" }
                };
                Line::Final {
                    r#final: attempts.keys().map(|path| (path.clone(), left(path))).collect(),
                }
            }
        });
    }
    lines
}

fn reason(words: &str) -> &'static str {
    match words {
        "normal" => "normal",
        "error" => "error",
        "killed" => "killed",
        _ => "shutdown",
    }
}

fn judged(tree: &Sup, events: &str, words: &str) -> Result<(), Violation> {
    let events = events.split(',').map(str::trim).filter(|words| !words.is_empty());
    let history = History { tree: tree.clone(), events: events.map(event).collect() };
    check(&history, &trace(words))
}

fn holds(tree: &str, events: &str, words: &str) {
    assert_eq!(judged(&self::tree(tree), events, words), Ok(()), "{tree} | {events} | {words}");
}

fn breaks(condition: &str, tree: &Sup, events: &str, words: &str) {
    match judged(tree, events, words) {
        Ok(()) => panic!("nobody noticed that not: {condition}, in {words}"),
        Err(violation) => assert_eq!(violation.condition, condition, "{violation} in {words}"),
    }
}

#[test]
fn right_traces_hold() {
    let (one, all) = ("one_for_one 1 never: a permanent, b permanent", "one_for_all 2 never:");
    holds(one, "", "+/; +a; +b; = root root/a root/b");
    holds(one, "error a", "+/; +a; +b; -a error; +a; ok; = root root/a root/b");
    holds(one, "terminate a", "+/; +a; +b; -a; ok; = root root/b");
    let all = format!("{all} a permanent 2, z temporary, b permanent");
    let twice = "+/; +a; +z; +b; -b error; -z; -a; !a; +a; +b; ok; = root root/a root/b root/z";
    assert!(judged(&tree(&all), "error b", twice).is_err(), "z is gone and does not run");
}

#[test]
fn each_line_is_possible_where_it_stands() {
    let one = tree("one_for_one 3 never: a permanent 3, b permanent brutal_kill");
    let nested = below("one_for_one 3 never", one.clone());
    let rows = [
        ("nothing starts twice", "error a", "+/; +a; +b; -a error; +a; +a; ok"),
        ("nothing starts twice", "error a", "+/; +a; +b; !a; ok"),
        ("attempts are counted", "error a", "+/; +a; +b; -a error; +a 5; ok"),
        ("exactly the attempts that shall fail do", "error a", "+/; +a; +b; -a error; !a; ok"),
        (
            "exactly the attempts that shall fail do",
            "error a, error a",
            "+/; +a; +b; -a error; +a; ok; -a error; +a; ok",
        ),
        ("there is one root", "", "+/; +a; +b; -b killed; -a; -/; +/"),
        ("only what is kept is started", "", "+/; +a; +b; +c"),
        ("nobody starts without a supervisor", "", "+/; +a; +a/x"),
        ("only who is alive stops", "error a", "+/; +a; +b; -a error; -a; ok"),
        ("an exit comes before all that it causes", "error a", "+/; +a; +b; -b error; ok"),
        ("an exit comes before all that it causes", "error a", "+/; +a; +b; ok"),
        ("an exit says its own reason", "error a", "+/; +a; +b; -a normal; ok"),
        ("a supervisor stops last", "", "+/; +a; -/"),
        ("an answer is to an event", "", "+/; +a; +b; ok"),
        ("events are answered in order", "sleep 1", "+/; +a; +b; ok 7"),
        ("a trace ends with what is left", "", "+/; +a; +b"),
        ("a trace ends with what is left", "sleep 1", "+/; +a; +b; = root"),
        ("a trace ends with what is left", "", "+/; +a; +b; = root root/a root/b; = root"),
        ("whoever is asked to stop says so", "terminate a", "+/; +a; +b; -a killed; ok"),
        ("whoever is asked to stop says so", "terminate b", "+/; +a; +b; -b; ok"),
    ];
    for (condition, events, words) in rows {
        breaks(condition, &one, events, words);
    }
    let never = "a supervisor starts and stops, but never fails";
    breaks(never, &nested, "", "+/; !s");
    breaks(
        "a supervisor says shutdown",
        &nested,
        "terminate s",
        "+/; +s; +s/a; +s/b; -s/b killed; -s/a; -s killed",
    );
}

#[test]
fn each_supervisor_has_its_reasons_and_its_order() {
    let one = tree("one_for_one 3 never: a permanent, b permanent");
    let all = tree("one_for_all 3 never: a permanent 2, b permanent, c permanent");
    let nested = below("one_for_one 3 never", one.clone());
    let failing = tree("one_for_one 3 never: a permanent, b permanent 1");
    let starts = "a supervisor starts its children";
    breaks(starts, &one, "", "+/; +b; -b; -/; = ");
    breaks(starts, &failing, "", "+/; +a; !b; -a; +a; -a; -/; =");
    breaks(
        starts,
        &nested,
        "terminate s, restart s",
        "+/; +s; +s/a; +s/b; -s/b; -s/a; -s; ok; +s; +s/b; ok",
    );
    breaks(starts, &one, "", "+/; +a; -a; -/; =");
    breaks("the root ends for a reason", &one, "terminate a", "+/; +a; +b; -b; -a; -/; ok");
    breaks(
        "a supervisor acts for a reason",
        &nested,
        "error s/a",
        "+/; +s; +s/a; +s/b; -s/a error; +s/a; -s/b; -s/a; -s; +s; +s/a; +s/b; ok",
    );
    breaks(
        "starts go from left to right",
        &all,
        "error a",
        "+/; +a; +b; +c; -a error; -c; -b; !a; +b; +a; +c; ok",
    );
    breaks(
        "stops go from right to left",
        &all,
        "error a",
        "+/; +a; +b; +c; -a error; -b; -c; !a; +a; +b; +c; ok",
    );
}

#[test]
fn fate_is_shared_as_the_strategy_says() {
    let one = tree("one_for_one 1 never: a permanent, t transient, z temporary");
    let rest = tree("rest_for_one 1 never: a permanent, t transient, z temporary");
    let any = tree("one_for_one 1 any_significant: a permanent, t transient significant");
    let up = "+/; +a; +t; +z;";
    let rows = [
        ("the restart type decides", &one, "normal t", "-t normal; +t; ok"),
        ("the restart type decides", &one, "error z", "-z error; -t; ok"),
        ("who shares the fate comes back", &one, "normal a", "-a normal; ok"),
        ("who shares the fate comes back", &rest, "error t", "-t error; -z; ok"),
        ("only what is kept is started", &rest, "error a", "-a error; -z; -t; +a; +t; +z; ok"),
        (
            "only who shares the fate comes back",
            &one,
            "terminate t, error a",
            "-t; ok; -a error; +a; +t; ok",
        ),
        ("only who shares the fate is stopped", &rest, "error t", "-t error; -z; -a; +t; ok"),
        ("who shares the fate is stopped first", &rest, "error a", "-a error; -t; +a; ok"),
        (
            "a supervisor gives up beyond its intensity",
            &one,
            "error a, error t",
            "-a error; +a; ok; -t error; +t; ok",
        ),
        (
            "a supervisor gives up beyond its intensity",
            &one,
            "error a, error t",
            "-a error; +a; ok; -t error; ok",
        ),
        ("the root ends for a reason", &one, "error a", "-a error; -z; -t; -/; ok"),
    ];
    for (condition, tree, events, words) in rows {
        breaks(condition, tree, events, &format!("{up} {words}"));
    }
    let ends = "a supervisor ends with its significant children";
    breaks(ends, &any, "normal t", "+/; +a; +t; -t normal; ok");
}

#[test]
fn calls_do_what_they_say_and_are_answered_by_what_they_found() {
    let one = tree("one_for_one 3 never: a permanent, t transient");
    let answered = "a call is answered by what it found";
    let rows = [
        (answered, "terminate a", "-a; error"),
        (answered, "terminate x", "ok"),
        (answered, "restart a", "ok"),
        (answered, "delete a", "ok"),
        (answered, "start a permanent", "ok"),
        (answered, "start x transient significant", "ok"),
        (answered, "error x", "ok"),
        ("nothing comes of nothing", "start x transient significant", "+x; ok"),
        ("nothing comes of nothing", "sleep 5", "-a; ok"),
        ("a call does what it says", "terminate a", "-t; ok"),
        ("a call does what it says", "terminate a", "ok"),
        ("a call does what it says", "start x permanent", "+x; -x; ok"),
        (
            "the last line says how the trace left everybody",
            "terminate a",
            "-a; ok; = root root/a root/t",
        ),
        (
            "the last line says how the trace left everybody",
            "start x permanent",
            "+x; ok; = root root/t root/a",
        ),
    ];
    for (condition, events, words) in rows {
        breaks(condition, &one, events, &format!("+/; +a; +t; {words}"));
    }
}

#[test]
fn restarts_at_the_edge_of_the_period_are_not_judged() {
    let one = tree("one_for_one 1 never: a permanent");
    let crash_twice = "+/; +a; -a error; +a; ok; ok; -a error; -/; ok";
    let judged = |sleep: &str| {
        judged(&one, &format!("error a, sleep {sleep}, error a"), &format!("{crash_twice}; = x"))
    };
    let gone = "the last line says how the trace left everybody";
    assert_eq!(judged("4900").map_err(|found| found.condition), Err(gone));
    assert_eq!(judged("5500"), Ok(()));
    let early = "the root ends for a reason";
    assert_eq!(judged("6000").map_err(|found| found.condition), Err(early));
}
