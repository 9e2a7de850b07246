//! One use of a tool, in one line for people.

use serde_json::{Map, Value, json};

use crate::text::{age, clean, shorten};

/// What it does first, then whatever else it is given.
pub(crate) fn tell(tool: &str, args: &Value, chars_max: usize) -> String {
    let (said, names) = said(tool, args);
    let mut rest: Map<String, Value> = args.as_object().cloned().unwrap_or_default();
    // What is empty says nothing.
    let is_told = |name: &str, value: &Value| !names.contains(&name) && *value != json!({});
    rest.retain(|name, value| is_told(name, value));
    let rest = match rest.is_empty() {
        true => String::new(),
        false => format!(" {}", Value::Object(rest)),
    };
    let said = if said.is_empty() { said } else { format!(": {said}") };
    shorten(&clean(&format!("{tool}{said}{rest}")), chars_max)
}

/// What says the most about a call of this tool, and the names it stood under.
fn said(tool: &str, args: &Value) -> (String, &'static [&'static str]) {
    let text = |name: &str| args[name].as_str();
    match (tool, text("command"), text("url"), args["ms"].as_u64()) {
        ("shell", Some(command), _, _) => (command.to_owned(), &["command"]),
        ("http", _, Some(url), _) => {
            (format!("{} {url}", text("method").unwrap_or("GET")), &["method", "url"])
        }
        ("wait", _, _, Some(ms)) => (age(ms), &["ms"]),
        ("signal", _, _, _) => (text("name").unwrap_or_default().to_owned(), &["name"]),
        (_, _, _, _) => (String::new(), &[]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_tool_does_comes_before_what_else_it_is_given() {
        let rows = [
            ("shell", json!({"command": "make\nimage"}), "shell: make image"),
            ("shell", json!({"command": "make", "cwd": "/srv"}), r#"shell: make {"cwd":"/srv"}"#),
            ("shell", json!({"command": "make", "env": {}}), "shell: make"),
            ("http", json!({"url": "http://x/"}), "http: GET http://x/"),
            ("http", json!({"method": "PUT", "url": "http://x/"}), "http: PUT http://x/"),
            ("wait", json!({"ms": 7_200_000}), "wait: 2h 0m"),
            ("signal", json!({"name": "go"}), "signal: go"),
            ("gate", json!({}), "gate"),
            ("git_push", json!({"branch": "b"}), r#"git_push {"branch":"b"}"#),
            ("shell", json!({"command": "x".repeat(50)}), "shell: xxxxxxxxxxxxxxxxxxxxxxx…"),
            ("shell", json!(null), "shell"),
        ];
        for (tool, args, expected) in rows {
            assert_eq!(tell(tool, &args, 30), expected, "{tool} {args}");
        }
    }
}
