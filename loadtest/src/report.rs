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
    /// The reference itself spread too much to be one, or the machine did too much else.
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

    /// Without a judgment where whatever it needs was not there.
    pub(crate) fn judged_if(mut self, could_be_judged: bool) -> Self {
        if !could_be_judged {
            self.verdict = Verdict::NotJudged;
            self.holds = false;
        }
        self
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

/// Takes rows as they come, prints them, and knows with which code the command ends.
pub(crate) struct Report {
    json: bool,
    missed: bool,
    not_judged: bool,
}

impl Report {
    /// A table for people begins with its head.
    pub(crate) fn begin(json: bool) -> anyhow::Result<Self> {
        if !json {
            let head = ["what", "ours", "beside", "ratio (range)", "bar"].map(str::to_owned);
            write_line(&cells("", &head))?;
        }
        Ok(Report { json, missed: false, not_judged: false })
    }

    pub(crate) fn add(&mut self, row: &Row) -> anyhow::Result<()> {
        self.judge(row);
        match self.json {
            true => write_line(&serde_json::to_string(row)?),
            false => write_line(&row.to_string()),
        }
    }

    fn judge(&mut self, row: &Row) {
        self.missed |= row.verdict == Verdict::Missed;
        self.not_judged |= row.verdict == Verdict::NotJudged;
    }

    /// 0, or 1 where a bar was missed, or 4 where a reference spread too much to judge by.
    pub(crate) fn exit_code(&self) -> u8 {
        match (self.missed, self.not_judged) {
            (true, _) => 1,
            (false, true) => 4,
            (false, false) => 0,
        }
    }
}

/// Prints these rows and no more.
pub(crate) fn print(rows: &[Row], json: bool) -> anyhow::Result<u8> {
    let mut report = Report::begin(json)?;
    for row in rows {
        report.add(row)?;
    }
    Ok(report.exit_code())
}

fn write_line(line: &str) -> anyhow::Result<()> {
    Ok(writeln!(std::io::stdout().lock(), "{}", line.trim_end())?)
}

fn cells(mark: &str, [what, ours, beside, ratio, bar]: &[String; 5]) -> String {
    format!("{mark:<8}{what:<76}{ours:>22}  {beside:<28}{ratio:<24}{bar}")
}

/// As many digits as say something.
fn number(value: f64) -> String {
    match value.abs() {
        size if size >= 1_000.0 || value.fract() == 0.0 => format!("{value:.0}"),
        size if size >= 10.0 => format!("{value:.1}"),
        _ => format!("{value:.2}"),
    }
}

impl fmt::Display for Row {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mark = match (self.verdict, &self.bar) {
            (Verdict::Holds, None) => "",
            (Verdict::Holds, Some(_)) => "ok",
            (Verdict::Missed, _) => "MISSED",
            (Verdict::NotJudged, _) => "UNCLEAR",
        };
        let beside = self.beside.as_ref();
        let ratio = self.ratio.zip(self.range);
        let row = [
            self.what.clone(),
            format!("{} {}", number(self.ours), self.unit),
            beside.map(|it| format!("{} {}", it.name, number(it.value))).unwrap_or_default(),
            ratio
                .map(|(ratio, (low, high))| format!("{ratio:.2} ({low:.2} to {high:.2})"))
                .unwrap_or_default(),
            self.bar.clone().unwrap_or_default(),
        ];
        out.write_str(&cells(mark, &row))
    }
}

#[cfg(test)]
mod tests;
