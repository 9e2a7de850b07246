//! Steps of workflows that send one HTTP request.

use serde_json::{Map as Object, Value};

use super::node::{Map, Node, Scalar};
use super::reader::Reader;
use super::stage::Performed;
use super::variables::Variables;
use super::{story, values};

const ARGS: [&str; 4] = ["method", "headers", "body", "json"];

/// `command` is a URL, or a method and a URL; `args` say the rest. The URL may be that of an input,
/// as the variable that it is for commands.
pub(super) fn performed(
    reader: &mut Reader<'_>,
    variables: &Variables,
    map: &Map,
    command: &Scalar,
) -> Performed {
    let mut args = Object::new();
    let words: Vec<&str> = command.text.split_whitespace().collect();
    let (method, url) = match words[..] {
        [url] => (None, url),
        [method, url] if method.chars().all(|letter| letter.is_ascii_alphabetic()) => {
            (Some(method), url)
        }
        _ => {
            let shown = story::shown(&command.text);
            let what = format!("`command` is `{shown}`: write URL, or METHOD URL");
            reader.error(command.place, what);
            return Performed::nothing();
        }
    };
    let mut uses = Vec::new();
    if url.starts_with('$') {
        uses.extend(variables.alone(reader, url, "url", command.place));
    } else {
        args.insert("url".to_owned(), url.into());
    }
    if let Some(method) = method {
        args.insert("method".to_owned(), method.to_ascii_uppercase().into());
    }
    let given = map.get("args").and_then(|node| reader.map(node, "`args` of `http`", &ARGS));
    for (key, node) in given.into_iter().flat_map(|given| &given.entries) {
        let value = match key.text.as_str() {
            "method" if method.is_some() => {
                reader.error(key.place, "the method stands before the URL as well: leave one out");
                continue;
            }
            "method" => values::written(node).to_ascii_uppercase().into(),
            "body" => values::written(node).into(),
            "headers" => headers(reader, node),
            "json" => values::value(node),
            _ => continue,
        };
        args.insert(key.text.clone(), value);
    }
    Performed::tool("http", args.into(), uses)
}

fn headers(reader: &mut Reader<'_>, node: &Node) -> Value {
    let map = reader.any_map(node, "`headers`");
    let entries = map.into_iter().flat_map(|map| &map.entries);
    let texts = entries.map(|(key, node)| (key.text.clone(), values::written(node).into()));
    Value::Object(texts.collect())
}
