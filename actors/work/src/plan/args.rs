//! Places in the arguments of a step, by the names on the way to them.

use serde_json::{Map, Value};

/// What an input says in its place: a variable and a header are texts whatever it is, and null
/// leaves what stands there.
pub(crate) fn put_input(args: &mut Value, at: &[String], value: &Value) {
    let is_among_texts = matches!(at, [map, _] if map == "env" || map == "headers");
    if value.is_null() {
        return;
    }
    let is_as_it_is = value.is_string() || !is_among_texts;
    put(args, at, if is_as_it_is { value.clone() } else { value.to_string().into() });
}

/// Makes the objects on the way where there are none.
pub(crate) fn put(args: &mut Value, at: &[String], value: Value) {
    let Some((first, rest)) = at.split_first() else {
        *args = value;
        return;
    };
    if !args.is_object() {
        *args = Value::Object(Map::new());
    }
    if let Value::Object(names) = args {
        put(names.entry(first.clone()).or_insert(Value::Null), rest, value);
    }
}
