//! What a run is given under a name.

use std::collections::BTreeMap;
use std::io::Read;
use std::str::FromStr;

use serde_json::Value;

use crate::Error;

/// More than a signal or an input may bring; the node takes less, and says how much.
const DATA_BYTES_MAX: u64 = 1 << 20;

/// NAME=VALUE, as people write it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Given {
    pub(super) name: String,
    pub(super) value: String,
}

/// Each name once.
pub(super) fn all(given: &[Given]) -> Result<BTreeMap<String, String>, Error> {
    let mut all = BTreeMap::new();
    for Given { name, value } in given {
        if all.insert(name.clone(), value.clone()).is_some() {
            return Err(Error::Malformed(format!("`{name}` is given twice: leave one out")));
        }
    }
    Ok(all)
}

/// What it says as JSON, and as a text where it is none; `-` is what standard input says.
pub(super) fn data(text: &str) -> Result<Value, Error> {
    let mut read = String::new();
    let text = match text {
        "-" => {
            let input = std::io::stdin().take(DATA_BYTES_MAX + 1);
            { input }.read_to_string(&mut read).map_err(Error::Input)?;
            read.trim_end_matches(['\n', '\r'])
        }
        text => text,
    };
    if DATA_BYTES_MAX < text.len() as u64 {
        let what = format!("the data is longer than {DATA_BYTES_MAX} bytes: name a file in it");
        return Err(Error::TooBig(what));
    }
    Ok(value(text))
}

/// JSON, if it is any; else a text.
fn value(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|_| Value::String(text.to_owned()))
}

impl FromStr for Given {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let parts = text.split_once('=').filter(|(name, _)| !name.is_empty());
        let (name, value) = parts.ok_or("write it as NAME=VALUE, such as tag=v1.2")?;
        Ok(Given { name: name.to_owned(), value: value.to_owned() })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_json_is_taken_as_json_and_all_else_as_a_text() {
        let rows = [
            ("3", json!(3)),
            ("true", json!(true)),
            (r#""3""#, json!("3")),
            (r#"{"a": [1]}"#, json!({"a": [1]})),
            ("v1.2", json!("v1.2")),
            ("{a", json!("{a")),
            ("", json!("")),
        ];
        for (text, expected) in rows {
            assert_eq!(value(text), expected, "{text:?}");
        }
    }

    #[test]
    fn the_first_equals_sign_ends_the_name() {
        let given = |text: &str| text.parse::<Given>().map(|Given { name, value }| (name, value));
        assert_eq!(given("a=b=c"), Ok(("a".to_owned(), "b=c".to_owned())));
        assert_eq!(given("a="), Ok(("a".to_owned(), String::new())));
        assert!(given("a").is_err() && given("=a").is_err());
    }

    #[test]
    fn a_name_is_given_once() {
        let given = ["a=1", "b=2", "a=3"].map(|text| text.parse().expect("it is a pair"));
        assert!(all(&given[..2]).is_ok());
        let error = all(&given).expect_err("it is given twice");
        assert_eq!(error.to_string(), "`a` is given twice: leave one out");
    }
}
