//! What people say, in the letters that a path and its query may hold.

use reqwest::Url;

/// Any address: only what comes after it is taken.
const SOME: &str = "http://node/";

/// One part of a path.
pub(crate) fn segment(name: &str) -> String {
    let mut url = some();
    if let Ok(mut segments) = url.path_segments_mut() {
        segments.pop_if_empty().push(name);
    }
    url.path().trim_start_matches('/').to_owned()
}

/// What comes after the question mark.
pub(crate) fn query(pairs: &[(&str, String)]) -> String {
    let mut url = some();
    url.query_pairs_mut().extend_pairs(pairs);
    url.query().unwrap_or_default().to_owned()
}

/// A name that can be part of a path.
pub(crate) fn name(text: &str) -> Result<String, String> {
    match text {
        "" | "." | ".." => Err("write the name that stands in the plan".to_owned()),
        name => Ok(name.to_owned()),
    }
}

fn some() -> Url {
    Url::parse(SOME).expect("it is written here")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_people_say_reaches_the_node_as_it_was_said() {
        let rows = [("go", "go"), ("a b", "a%20b"), ("a/b?c#d", "a%2Fb%3Fc%23d"), ("ä", "%C3%A4")];
        for (name, expected) in rows {
            assert_eq!(segment(name), expected, "{name}");
        }
        let pairs = [("input", "tag=v1&x".to_owned()), ("file", "/a b+c".to_owned())];
        assert_eq!(query(&pairs), "input=tag%3Dv1%26x&file=%2Fa+b%2Bc");
    }
}
