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
    for row in rows {
        report.add(row).expect("standard output takes a line");
    }
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
fn where_there_is_no_bar_nothing_is_judged() {
    assert!(row(&[1.0, 1.0, 1.0], &RESTLESS, None).holds);
    assert!(Row::alone("a thing", "us", 7.0, None).holds);
}

#[test]
fn a_line_of_json_has_every_key_and_no_other() {
    assert_eq!(
        json(&Row::alone("a thing", "ms", 7.5, Some(Bar::AtMost(5.0)))),
        r#"{"what":"a thing","ours":7.5,"unit":"ms","beside":null,"ratio":null,"bar":"at most 5 ms","holds":false}"#
    );
    assert_eq!(
        json(&row(&STEADY, &STEADY, Some(Bar::AtLeast(0.5)))),
        r#"{"what":"a thing","ours":11.0,"unit":"us","beside":{"name":"OTP","value":11.0},"ratio":1.0,"bar":"at least 0.5 ×","holds":true}"#
    );
}
