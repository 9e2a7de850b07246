use std::time::Duration;

use super::{Error, parse, render};

#[test]
fn a_number_and_a_unit_is_a_duration_and_nothing_else_is() {
    let rows: [(&str, Result<u64, &str>); 14] = [
        ("250ms", Ok(250)),
        ("2s", Ok(2_000)),
        ("5m", Ok(300_000)),
        ("1h", Ok(3_600_000)),
        ("7d", Ok(604_800_000)),
        (" 2s ", Ok(2_000)),
        ("0s", Ok(0)),
        ("", Err("malformed")),
        ("2", Err("malformed")),
        ("s", Err("malformed")),
        ("2 s", Err("malformed")),
        ("-2s", Err("malformed")),
        ("1.5s", Err("malformed")),
        ("99999999999999999999h", Err("too long")),
    ];
    for (text, expected) in rows {
        let read = parse(text).map(|duration| duration.as_millis() as u64);
        let read = read.map_err(|error| match error {
            Error::Malformed { .. } => "malformed",
            Error::TooLong { .. } => "too long",
        });
        assert_eq!(read, expected, "{text:?}");
    }
}

#[test]
fn what_is_written_is_read_back() {
    for (ms, text) in [
        (0, "0s"),
        (1, "1ms"),
        (1_500, "1500ms"),
        (2_000, "2s"),
        (60_000, "1m"),
        (7_200_000, "2h"),
        (172_800_000, "2d"),
    ] {
        let duration = Duration::from_millis(ms);
        assert_eq!(render(duration), text);
        assert_eq!(parse(text), Ok(duration), "{text}");
    }
}
