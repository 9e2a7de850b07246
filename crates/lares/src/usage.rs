//! What a person is told whose command line was not understood.

use clap::Error;
use clap::error::{ContextKind, ContextValue, ErrorKind};
use cli::Exit;
use domain::nearest::nearest;

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
    Some(match meant_word(error, meant, said) {
        Some(meant) => format!("unknown {what} `{said}`: did you mean `{meant}`?"),
        None => format!("unknown {what} `{said}`: `lares help` lists what there is"),
    })
}

/// The nearest of those that clap would name, which it does in the order of its list.
fn meant_word<'a>(error: &'a Error, kind: ContextKind, said: &str) -> Option<&'a str> {
    match error.get(kind)? {
        ContextValue::Strings(texts) => {
            let near = nearest(said, texts.iter().map(String::as_str));
            near.or(texts.first().map(String::as_str))
        }
        _ => first(error, kind),
    }
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
