//! The environment of the shell steps of a workflow: its `args`, and what the run was given.

use std::collections::BTreeMap;

use serde_json::{Map as Object, Value, json};

use super::node::{Map, Scalar};
use super::reader::Reader;
use super::stage::{Draft, Performed, Used};
use super::{Input, Place, Source, Use, Work, inputs, story, values};

const PREFIX: &str = "WF_";

/// What every shell step is given: one variable for each declared input, by its name.
pub(super) struct Variables {
    declared: BTreeMap<String, Used>,
}

impl Variables {
    pub(super) fn of(reader: &mut Reader<'_>, declared: &BTreeMap<String, Input>) -> Self {
        let mut variables = Variables { declared: BTreeMap::new() };
        for (name, input) in declared {
            add(reader, &mut variables.declared, name, input.place);
        }
        variables
    }

    /// A command, with the `args` of its step. What a run is given goes before what they say.
    pub(super) fn shell(&self, reader: &mut Reader<'_>, map: &Map, command: &Scalar) -> Performed {
        reader.warn_if_cut(command);
        let mut env = Object::new();
        let mut uses = self.declared.clone();
        let args = map.get("args").and_then(|node| reader.any_map(node, "`args`"));
        for (key, node) in args.into_iter().flat_map(|args| &args.entries) {
            if let Some(variable) = add(reader, &mut uses, &key.text, key.place) {
                env.insert(variable, Value::String(values::written(node)));
            }
        }
        let mut args = json!({"command": command.text});
        if !uses.is_empty() {
            args["env"] = env.into();
        }
        Performed::tool("shell", args, uses.into_values().collect())
    }

    /// One that stands for a whole argument, such as `$WF_URL`.
    pub(super) fn alone(
        &self,
        reader: &mut Reader<'_>,
        word: &str,
        argument: &str,
        place: Place,
    ) -> Option<Used> {
        let name = word.trim_start_matches('$');
        let name = name.strip_prefix('{').and_then(|name| name.strip_suffix('}')).unwrap_or(name);
        if let Some(used) = self.declared.get(name) {
            let at = vec![argument.to_owned()];
            return Some(Used { what: Use { at, of: used.what.of.clone() }, place });
        }
        let shown = story::shown(word);
        let what = format!(
            "`{shown}` is the variable of no input: declare one under `inputs`, and write its \
             variable alone, as in $WF_URL for `url`"
        );
        reader.error(place, what);
        None
    }
}

/// Adds the variable of an input, which no other input may have.
fn add(
    reader: &mut Reader<'_>,
    uses: &mut BTreeMap<String, Used>,
    name: &str,
    place: Place,
) -> Option<String> {
    let variable = variable(reader, name, place)?;
    let of = Source::Input(name.to_owned());
    match uses.get(&variable) {
        Some(used) if used.what.of == of => {}
        Some(_) => {
            let shown = story::shown(name);
            let what = format!("`{shown}` is the variable {variable}, as another name is");
            reader.error(place, format!("{what}: rename one"));
        }
        None => {
            let at = vec!["env".to_owned(), variable.clone()];
            uses.insert(variable.clone(), Used { what: Use { at, of }, place });
        }
    }
    Some(variable)
}

/// Makes an input of every key of `args`, so that a run may be given another value. Where the
/// steps say different ones, none of them can be its default: it is null, which is no value.
pub(super) fn declare<'a>(
    reader: &mut Reader<'_>,
    drafts: impl IntoIterator<Item = &'a Draft>,
    declared: &mut BTreeMap<String, Input>,
) {
    let mut found: BTreeMap<String, Input> = BTreeMap::new();
    for (used, literal) in drafts.into_iter().flat_map(literals) {
        let Source::Input(name) = &used.what.of else { continue };
        if let Some(input) = declared.get(name) {
            if input.default.as_ref().is_some_and(|default| default != literal) {
                let what = format!(
                    "`{}` is an input of the run as well, and its default goes before this: \
                     leave one of the two out",
                    story::shown(name)
                );
                reader.warn(used.place, what);
            }
            continue;
        }
        let input = found
            .entry(name.clone())
            .or_insert_with(|| inputs::any(used.place, Some(literal.clone())));
        if input.default.as_ref() != Some(literal) {
            input.default = Some(Value::Null);
        }
    }
    declared.append(&mut found);
}

/// What the steps themselves say of variables that a run may be given.
fn literals(draft: &Draft) -> Vec<(&Used, &Value)> {
    let undo = draft.stage.undo.as_ref().map(|undo| (&undo.work, &draft.undo_uses));
    let works = [Some((&draft.stage.work, &draft.uses)), undo];
    let mut literals = Vec::new();
    for (work, uses) in works.into_iter().flatten() {
        let Work::Tool { args, .. } = work else { continue };
        for used in uses.iter().filter(|used| used.what.at.len() == 2) {
            literals.extend(args["env"].get(&used.what.at[1]).map(|literal| (used, literal)));
        }
    }
    literals
}

fn variable(reader: &mut Reader<'_>, name: &str, place: Place) -> Option<String> {
    let letter = |letter: char| match letter {
        '-' | '.' => '_',
        letter => letter.to_ascii_uppercase(),
    };
    let upper: String = name.chars().map(letter).collect();
    let is_plain = |letter: char| letter.is_ascii_alphanumeric() || letter == '_';
    if upper.is_empty() || !upper.chars().all(is_plain) {
        let what = "makes no name of a variable: use letters, digits, `_`, `-` and `.`";
        reader.error(place, format!("`{}` {what}", story::shown(name)));
        return None;
    }
    Some(format!("{PREFIX}{upper}"))
}
