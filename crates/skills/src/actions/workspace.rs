//! The workspace of a call: a folder that somebody has given to the run, by its name.

use std::path::PathBuf;

use serde::Deserialize;
use serde_json::{Value, json};

/// Where a call works. To an action it is always said: one that guessed would change the wrong
/// folder.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(crate) struct Workspace {
    /// How the run speaks of it.
    pub(crate) id: String,
    pub(crate) path: PathBuf,
    /// What must be checked out there; whatever is, if nothing is said.
    pub(crate) branch: Option<String>,
}

/// What the schema of a tool says of its `workspace`.
pub(crate) fn schema() -> Value {
    json!({
        "type": "object",
        "properties": {
            "id": { "type": "string", "minLength": 1, "description": "the name of the workspace" },
            "path": {
                "type": "string",
                "pattern": "^/",
                "description": "its folder, as an absolute path",
            },
            "branch": {
                "type": "string",
                "minLength": 1,
                "description": "the branch that must be checked out there",
            },
        },
        "required": ["id", "path"],
        "additionalProperties": false,
        "description": "where it works, as `{\"id\": …, \"path\": …}`, with `branch` if one \
                        must be checked out: give the run one with --workspace DIR",
    })
}

/// What the schema cannot say.
pub(crate) fn faults(args: &Value) -> Vec<String> {
    let workspace = &args["workspace"];
    let texts = ["id", "path", "branch"].into_iter();
    let broken =
        texts.filter(|name| workspace[*name].as_str().is_some_and(|text| text.contains('\0')));
    broken.map(|name| format!("args.workspace.{name} has a NUL in it: leave it out")).collect()
}
