//! When a server wants to be asked again.

use std::time::{Duration, SystemTime};

/// No server's wish counts for longer.
const AFTER_MAX: Duration = Duration::from_secs(3_600);

/// Reads `Retry-After`: seconds, or a date, which may have passed.
pub(super) fn parse(text: &str, now: SystemTime) -> Option<Duration> {
    let text = text.trim();
    let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let after = if is_number {
        // More than fits is more than counts.
        text.parse().map_or(AFTER_MAX, Duration::from_secs)
    } else {
        httpdate::parse_http_date(text).ok()?.duration_since(now).unwrap_or_default()
    };
    Some(after.min(AFTER_MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_and_dates_are_read_and_bounded() {
        // Fri, 01 Jan 2021 00:00:00 GMT
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_609_459_200);
        let rows = [
            ("0", Some(0)),
            ("7", Some(7)),
            (" 7 ", Some(7)),
            ("3601", Some(3600)),
            ("99999999999999999999999", Some(3600)),
            ("Fri, 01 Jan 2021 00:00:30 GMT", Some(30)),
            ("Thu, 31 Dec 2020 23:59:59 GMT", Some(0)),
            ("Sat, 02 Jan 2021 00:00:00 GMT", Some(3600)),
            ("-1", None),
            ("soon", None),
            ("", None),
        ];
        for (text, expected) in rows {
            assert_eq!(parse(text, now), expected.map(Duration::from_secs), "{text:?}");
        }
    }
}
