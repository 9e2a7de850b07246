//! What a person is told whose command line was not understood.

use clap::CommandFactory;
use clap::Error;
use clap::error::{ContextKind, ContextValue, ErrorKind};
use cli::Exit;
use domain::nearest::nearest;

use crate::Line;

/// Prints it, and says how to end: help and version are no mistakes.
///
/// clap's own words stay, but for what it cannot name: there one line asks what was meant.
pub(crate) fn explain(error: &Error) -> Exit {
    if let Some(text) = unknown(error) {
        crate::say_to_stderr(&text);
        return Exit::Usage;
    }
    // Where the terminal is gone there is nobody left to tell.
    error.print().ok();
    if error.use_stderr() { Exit::Usage } else { Exit::Done }
}

fn unknown(error: &Error) -> Option<String> {
    if error.kind() == ErrorKind::ArgumentConflict
        && let Some(said) = first(error, ContextKind::InvalidSubcommand)
    {
        // The word before it was taken for a plan, and was most likely meant as a verb.
        return Some(format!(
            "`{said}` is one word too many: write `lares run PLAN`, or a verb such as `lares run \
             show` and the ID of a run; `lares help run` lists them"
        ));
    }
    let is_verb = error.kind() == ErrorKind::InvalidSubcommand;
    if !is_verb && error.kind() != ErrorKind::UnknownArgument {
        return None;
    }
    let (said, meant) = if is_verb {
        (ContextKind::InvalidSubcommand, ContextKind::SuggestedSubcommand)
    } else {
        (ContextKind::InvalidArg, ContextKind::SuggestedArg)
    };
    let said = first(error, said)?;
    let what = match (is_verb, said.starts_with('-')) {
        (true, _) => "verb",
        (false, true) => "option",
        (false, false) => "argument",
    };
    // clap's own choice leans to whatever begins alike.
    let verbs = Line::command();
    let verbs = verbs.get_subcommands().filter(|verb| !verb.is_hide_set());
    let near = nearest(said, verbs.map(|verb| verb.get_name())).filter(|_| is_verb);
    Some(match near.or(first(error, meant)) {
        Some(meant) => format!("unknown {what} `{said}`: did you mean `{meant}`?"),
        None => format!("unknown {what} `{said}`: `lares help` lists what there is"),
    })
}

fn first(error: &Error, kind: ContextKind) -> Option<&str> {
    let context = error.get(kind)?;
    if let ContextValue::Strings(texts) = context {
        return texts.first().map(String::as_str);
    }
    if let ContextValue::String(text) = context { Some(text) } else { None }
}

#[cfg(test)]
mod tests;
