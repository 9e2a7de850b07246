use super::*;

const STEADY: [f64; 3] = [10.0, 12.0, 11.0];
const RESTLESS: [f64; 3] = [10.0, 21.0, 11.0];

fn row(ours: &[f64], reference: &[f64], bar: Option<Bar>) -> Row {
    Row::beside("a thing", "us", ours, "OTP", reference, bar)
}

fn json(row: &Row) -> String {
    serde_json::to_string(row).expect("a row is plain data")
}

fn exit_code(rows: &[Row]) -> u8 {
    let mut report = Report { json: true, missed: false, not_judged: false };
    rows.iter().for_each(|row| report.judge(row));
    report.exit_code()
}

#[test]
fn the_ratio_is_the_median_of_the_ratios_and_not_the_ratio_of_medians() {
    let row = row(&[10.0, 24.0, 33.0], &STEADY, Some(Bar::AtMost(2.0)));
    assert_eq!(row.ratio, Some(2.0));
    assert_eq!(row.range, Some((1.0, 3.0)));
    assert!(row.holds);
}

#[test]
fn a_missed_bar_is_exit_1_whatever_else_there_is() {
    let missed = row(&[30.0, 36.0, 33.0], &STEADY, Some(Bar::AtMost(2.0)));
    let not_judged = row(&[1.0, 1.0, 1.0], &RESTLESS, Some(Bar::AtMost(2.0)));
    assert!(!missed.holds);
    assert!(!not_judged.holds);
    assert_eq!(exit_code(&[not_judged.clone(), missed]), 1);
    assert_eq!(exit_code(&[not_judged]), 4);
}

#[test]
fn what_a_row_has_not_is_null() {
    assert_eq!(
        json(&Row::alone("a thing", "ms", 7.5, Some(Bar::AtMost(5.0)))),
        r#"{"what":"a thing","ours":7.5,"unit":"ms","beside":null,"ratio":null,"bar":"at most 5 ms","holds":false}"#
    );
}

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
