//! What is wrong with the arguments of a call, in words for whoever wrote them.

use domain::nearest::nearest;
use jsonschema::error::{TypeKind, ValidationErrorKind};
use jsonschema::{ValidationError, Validator};
use serde_json::Value;

/// How much of a wrong value is shown.
const SHOWN_CHARS_MAX: usize = 40;

/// The schema of one tool's arguments, ready to judge.
pub(crate) struct Schema {
    validator: Validator,
    properties: Value,
}

impl Schema {
    pub(crate) fn new(schema: &Value) -> Self {
        let validator = jsonschema::validator_for(schema).expect("our schemas are valid");
        Self { validator, properties: schema["properties"].clone() }
    }

    /// Every fault, each with its place and what to write instead.
    pub(crate) fn faults(&self, args: &Value) -> Vec<String> {
        self.validator.iter_errors(args).flat_map(|error| self.spoken(&error)).collect()
    }

    fn spoken(&self, error: &ValidationError<'_>) -> Vec<String> {
        let path = error.instance_path().to_string();
        let place = format!("args{}", path.replace('/', "."));
        let value = shown(error.instance());
        let top = path.split('/').nth(1).unwrap_or_default();
        // A kind we do not use yet is told in the library's words, which name no value.
        #[expect(clippy::wildcard_enum_match_arm, reason = "our schemas use few of its kinds")]
        match error.kind() {
            ValidationErrorKind::AdditionalProperties { unexpected } => {
                unexpected.iter().map(|name| self.unknown(&place, name)).collect()
            }
            ValidationErrorKind::Required { property } => {
                let name = property.as_str().unwrap_or_default();
                vec![format!("{place}.{name} is missing: it is {}", self.about(name))]
            }
            ValidationErrorKind::Type { kind } => {
                let is = kind_of(error.instance());
                vec![format!("{place} is {is}: write {}", expected(kind))]
            }
            ValidationErrorKind::Enum { options } => {
                vec![one_of(&place, error.instance(), options)]
            }
            ValidationErrorKind::Pattern { .. } | ValidationErrorKind::MinLength { .. } => {
                vec![format!("{place} is {value}: write {}", self.about(top))]
            }
            ValidationErrorKind::PropertyNames { error } => {
                let name = shown(error.instance());
                vec![format!("{place} has the name {name}: write {}", self.about(top))]
            }
            _ => vec![format!("{place}: {}", error.masked())],
        }
    }

    fn unknown(&self, place: &str, name: &str) -> String {
        let names = self.properties.as_object().into_iter().flat_map(|names| names.keys());
        let names: Vec<&str> = names.map(String::as_str).collect();
        let instead = match nearest(name, names.iter().copied()) {
            Some(name) => format!("did you mean `{name}`?"),
            None => format!("it may have {}", names.join(", ")),
        };
        format!("{place} has no `{name}`: {instead}")
    }

    fn about(&self, name: &str) -> &str {
        self.properties[name]["description"].as_str().unwrap_or("something else")
    }
}

fn one_of(place: &str, value: &Value, options: &Value) -> String {
    let options: Vec<&str> =
        options.as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    let meant = value.as_str().and_then(|word| nearest(word, options.iter().copied()));
    let instead = match meant {
        Some(option) => format!("did you mean `{option}`?"),
        None => format!("write one of {}", options.join(", ")),
    };
    format!("{place} is {}: {instead}", shown(value))
}

/// Enough of a value to be found again.
fn shown(value: &Value) -> String {
    let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    match text.char_indices().nth(SHOWN_CHARS_MAX) {
        Some((end, _)) => format!("`{}…`", &text[..end]),
        None => format!("`{text}`"),
    }
}

fn kind_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "true or false",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

fn expected(kind: &TypeKind) -> &'static str {
    let TypeKind::Single(kind) = kind else { return "something else" };
    match kind.as_str() {
        "string" => "a text",
        "object" => "an object, `{…}`",
        "array" => "a list, `[…]`",
        "boolean" => "true or false",
        "null" => "null",
        _ => "a number",
    }
}
