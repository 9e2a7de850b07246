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
    schema: Value,
}

impl Schema {
    pub(crate) fn new(schema: &Value) -> Self {
        let validator = jsonschema::validator_for(schema).expect("our schemas are valid");
        Self { validator, schema: schema.clone() }
    }

    /// Every fault, each with its place and what to write instead.
    pub(crate) fn faults(&self, args: &Value) -> Vec<String> {
        self.validator.iter_errors(args).flat_map(|error| self.spoken(&error)).collect()
    }

    fn spoken(&self, error: &ValidationError<'_>) -> Vec<String> {
        let path = error.instance_path().to_string();
        let place = format!("args{}", path.replace('/', "."));
        let value = shown(error.instance());
        // A kind we do not use yet is told in the library's words, which name no value.
        #[expect(clippy::wildcard_enum_match_arm, reason = "our schemas use few of its kinds")]
        match error.kind() {
            ValidationErrorKind::AdditionalProperties { unexpected } => {
                unexpected.iter().map(|name| self.unknown(&path, &place, name)).collect()
            }
            ValidationErrorKind::Required { property } => {
                let name = property.as_str().unwrap_or_default();
                let about = self.about(&format!("{path}/{name}"));
                vec![format!("{place}.{name} is missing: it is {about}")]
            }
            ValidationErrorKind::Type { kind } => {
                let is = kind_of(error.instance());
                vec![format!("{place} is {is}: write {}", expected(kind))]
            }
            ValidationErrorKind::Enum { options } => {
                vec![one_of(&place, error.instance(), options)]
            }
            ValidationErrorKind::Pattern { .. }
            | ValidationErrorKind::MinLength { .. }
            | ValidationErrorKind::MaxLength { .. }
            | ValidationErrorKind::Minimum { .. }
            | ValidationErrorKind::Maximum { .. } => {
                vec![format!("{place} is {value}: write {}", self.about(&path))]
            }
            ValidationErrorKind::MinItems { .. } | ValidationErrorKind::MaxItems { .. } => {
                let length = error.instance().as_array().map_or(0, Vec::len);
                vec![format!("{place} has {length} entries: write {}", self.about(&path))]
            }
            ValidationErrorKind::PropertyNames { error } => {
                let name = shown(error.instance());
                vec![format!("{place} has the name {name}: write {}", self.about(&path))]
            }
            _ => vec![format!("{place}: {}", error.masked())],
        }
    }

    fn unknown(&self, path: &str, place: &str, name: &str) -> String {
        let whole = self.along(path).last().unwrap_or(&Value::Null);
        let names = whole["properties"].as_object().into_iter().flat_map(|names| names.keys());
        let names: Vec<&str> = names.map(String::as_str).collect();
        let instead = match nearest(name, names.iter().copied()) {
            Some(name) => format!("did you mean `{name}`?"),
            None => format!("it may have {}", names.join(", ")),
        };
        format!("{place} has no `{name}`: {instead}")
    }

    /// What the schema says of the innermost part of a path that it says anything of.
    fn about(&self, path: &str) -> &str {
        let said = self.along(path).filter_map(|part| part["description"].as_str());
        said.last().unwrap_or("something else")
    }

    /// The schema, and below it that of each part of a path, as far as there is one.
    fn along(&self, path: &str) -> impl Iterator<Item = &Value> {
        let mut parts = path.split('/').skip(1);
        std::iter::successors(Some(&self.schema), move |whole| {
            let part = parts.next()?;
            whole["properties"].get(part).or_else(|| whole.get("items"))
        })
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
