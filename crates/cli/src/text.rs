//! What verbs print: tables for people, JSON for programs, and nothing that moves a cursor.

use std::io::{self, Write};

use serde::Serialize;

use crate::Error;

/// Columns as wide as their widest cell, two spaces between them.
pub(crate) fn lay_out<const COLUMNS: usize>(rows: &[[String; COLUMNS]]) -> String {
    let mut widths = [0; COLUMNS];
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let mut text = String::new();
    for row in rows {
        let cells = row.iter().zip(widths).map(|(cell, width)| format!("{cell:<width$}"));
        text.push_str(cells.collect::<Vec<_>>().join("  ").trim_end());
        text.push('\n');
    }
    text
}

/// One JSON value on a line of its own.
pub(crate) fn json(value: &impl Serialize) -> Result<String, Error> {
    let text = serde_json::to_string(value).map_err(|error| Error::Write(error.into()))?;
    Ok(text + "\n")
}

pub(crate) fn write(text: &str, out: &mut impl Write) -> Result<(), Error> {
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        // Who reads has seen enough, as `head` does.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        written => written.map_err(Error::Write),
    }
}

/// A text that moves no cursor: what actors report may come from anywhere.
pub(crate) fn clean(text: &str) -> String {
    text.chars().map(|letter| if letter.is_control() { ' ' } else { letter }).collect()
}

/// An age in its two largest units.
pub(crate) fn age(ms: u64) -> String {
    let seconds = ms / 1_000;
    let (minutes, hours, days) = (seconds / 60, seconds / 3_600, seconds / 86_400);
    if days != 0 {
        format!("{days}d {}h", hours % 24)
    } else if hours != 0 {
        format!("{hours}h {}m", minutes % 60)
    } else if minutes != 0 {
        format!("{minutes}m {}s", seconds % 60)
    } else if seconds != 0 {
        format!("{seconds}s")
    } else {
        format!("{ms}ms")
    }
}
