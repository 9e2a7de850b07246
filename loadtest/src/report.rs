//! What a measurement says: one row beside its reference and its bar, as a table or as JSON.

use std::fmt;
use std::io::Write;

use serde::Serialize;

/// Where a ratio, or a figure without a reference, must lie.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Bar {
    AtMost(f64),
    AtLeast(f64),
}

impl Bar {
    fn holds(self, value: f64) -> bool {
        match self {
            Bar::AtMost(most) => value <= most,
            Bar::AtLeast(least) => value >= least,
        }
    }
}

impl fmt::Display for Bar {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Bar::AtMost(most) => write!(out, "at most {most}"),
            Bar::AtLeast(least) => write!(out, "at least {least}"),
        }
    }
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct Beside {
    name: String,
    value: f64,
}

/// One figure of ours.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct Row {
    what: String,
    ours: f64,
    unit: &'static str,
    beside: Option<Beside>,
    ratio: Option<f64>,
    bar: Option<String>,
    holds: bool,
    /// The lowest and the highest ratio of the rounds.
    #[serde(skip)]
    range: Option<(f64, f64)>,
    #[serde(skip)]
    verdict: Verdict,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verdict {
    Holds,
    Missed,
    /// The reference itself spread too much to be one.
    NotJudged,
}

/// A reference whose rounds differ by more than this says nothing.
const SPREAD_MAX: f64 = 2.0;

impl Row {
    /// A figure without a reference; the bar is for the figure itself.
    pub(crate) fn alone(what: &str, unit: &'static str, ours: f64, bar: Option<Bar>) -> Self {
        let holds = bar.is_none_or(|bar| bar.holds(ours));
        let bar = bar.map(|bar| format!("{bar} {unit}"));
        let verdict = if holds { Verdict::Holds } else { Verdict::Missed };
        let what = what.to_owned();
        Row { what, ours, unit, beside: None, ratio: None, bar, holds, range: None, verdict }
    }

    /// A figure beside a reference, round by round; the bar is for the ratio.
    pub(crate) fn beside(
        what: &str,
        unit: &'static str,
        ours: &[f64],
        name: &str,
        reference: &[f64],
        bar: Option<Bar>,
    ) -> Self {
        let ratios: Vec<f64> = ours.iter().zip(reference).map(|(ours, it)| ours / it).collect();
        let ratio = median(&ratios);
        let (low, high) = range(reference);
        let verdict = match bar {
            Some(_) if high > low * SPREAD_MAX => Verdict::NotJudged,
            Some(bar) if !bar.holds(ratio) => Verdict::Missed,
            Some(_) | None => Verdict::Holds,
        };
        Row {
            what: what.to_owned(),
            ours: median(ours),
            unit,
            beside: Some(Beside { name: name.to_owned(), value: median(reference) }),
            ratio: Some(ratio),
            bar: bar.map(|bar| format!("{bar} ×")),
            holds: verdict == Verdict::Holds,
            range: Some(range(&ratios)),
            verdict,
        }
    }
}

pub(crate) fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let middle = sorted.len() / 2;
    match sorted.len() {
        0 => f64::NAN,
        length if length.is_multiple_of(2) => (sorted[middle - 1] + sorted[middle]) / 2.0,
        _ => sorted[middle],
    }
}

fn range(values: &[f64]) -> (f64, f64) {
    let low = values.iter().copied().fold(f64::INFINITY, f64::min);
    let high = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    (low, high)
}

/// Prints the rows, and says with which code the command ends.
pub(crate) fn print(rows: &[Row], json: bool) -> anyhow::Result<u8> {
    let mut out = std::io::stdout().lock();
    for row in rows {
        match json {
            true => writeln!(out, "{}", serde_json::to_string(row)?)?,
            false => writeln!(out, "{row}")?,
        }
    }
    let any = |verdict| rows.iter().any(|row| row.verdict == verdict);
    Ok(match (any(Verdict::Missed), any(Verdict::NotJudged)) {
        (true, _) => 1,
        (false, true) => 4,
        (false, false) => 0,
    })
}

impl fmt::Display for Row {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mark = match self.verdict {
            Verdict::Holds => "ok    ",
            Verdict::Missed => "MISSED",
            Verdict::NotJudged => "SPREAD",
        };
        write!(out, "{mark}  {:<72} {:>12.2} {}", self.what, self.ours, self.unit)?;
        if let (Some(beside), Some(ratio)) = (&self.beside, self.ratio) {
            write!(out, "  {} {:.2}  ratio {ratio:.3}", beside.name, beside.value)?;
        }
        if let Some((low, high)) = self.range {
            write!(out, " ({low:.3} to {high:.3})")?;
        }
        match &self.bar {
            Some(bar) => write!(out, "  bar {bar}"),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Bar, Row, Verdict, median};

    #[test]
    fn the_median_is_the_middle_or_between_the_two_in_the_middle() {
        let rows: [(&[f64], f64); 3] =
            [(&[3.0], 3.0), (&[9.0, 1.0, 2.0], 2.0), (&[4.0, 1.0, 2.0, 100.0], 3.0)];
        for (values, expected) in rows {
            assert_eq!(median(values), expected, "{values:?}");
        }
    }

    #[test]
    fn a_figure_alone_is_judged_by_itself() {
        let rows = [
            (0.0, Some(Bar::AtMost(0.0)), Verdict::Holds),
            (1.0, Some(Bar::AtMost(0.0)), Verdict::Missed),
            (5.0, Some(Bar::AtLeast(5.0)), Verdict::Holds),
            (4.9, Some(Bar::AtLeast(5.0)), Verdict::Missed),
            (4.9, None, Verdict::Holds),
        ];
        for (ours, bar, expected) in rows {
            let row = Row::alone("it", "ms", ours, bar);
            assert_eq!((row.verdict, row.holds), (expected, expected == Verdict::Holds), "{row}");
        }
    }

    #[test]
    fn a_figure_beside_another_is_judged_by_the_median_of_the_rounds() {
        let half = Some(Bar::AtMost(0.5));
        let rows = [
            (&[4.0, 4.0, 9.0], &[10.0, 10.0, 10.0], half, Verdict::Holds),
            (&[4.0, 6.0, 9.0], &[10.0, 10.0, 10.0], half, Verdict::Missed),
            (&[4.0, 4.0, 4.0], &[10.0, 20.0, 10.0], half, Verdict::Holds),
            (&[4.0, 4.0, 4.0], &[10.0, 20.1, 10.0], half, Verdict::NotJudged),
            (&[4.0, 4.0, 4.0], &[10.0, 99.0, 10.0], None, Verdict::Holds),
        ];
        for (ours, reference, bar, expected) in rows {
            let row = Row::beside("it", "ms", ours, "other", reference, bar);
            assert_eq!((row.verdict, row.holds), (expected, expected == Verdict::Holds), "{row}");
        }
    }

    #[test]
    fn a_row_as_json_says_what_and_nothing_else() {
        let bar = Some(Bar::AtLeast(1.0));
        let row = Row::beside("it", "/s", &[3.0, 3.0, 5.0], "other", &[2.0, 1.0, 2.0], bar);
        let json = serde_json::to_string(&row).expect("a row is JSON");
        let beside = r#"{"name":"other","value":2.0}"#;
        let expected = format!(
            r#"{{"what":"it","ours":3.0,"unit":"/s","beside":{beside},"ratio":2.5,"bar":"at least 1 ×","holds":true}}"#
        );
        assert_eq!(json, expected);
        assert_eq!(row.range, Some((1.5, 3.0)));
    }
}
