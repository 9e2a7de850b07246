//! What a run is begun with: the text of a plan with what stands in the query, or all of it as JSON.

use std::collections::BTreeMap;

use domain::nearest::nearest;
use domain::run::{Beginning, Folder, Request, Workspace};

use crate::asked::bad;
use crate::refusal::Refusal;

/// Each may come once, but `input`, which comes once for each of them.
const NAMES: [&str; 6] = ["input", "file", "workspace", "workspace_id", "branch", "dry_run"];

/// A request, and whether it is only to be rehearsed.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Asked {
    pub(crate) request: Request,
    pub(crate) is_rehearsal: bool,
}

/// Whether a media type says that the body is all of it, whatever its parameters.
pub(crate) fn is_whole(media: &str) -> bool {
    let essence = media.split(';').next().unwrap_or_default();
    essence.trim().eq_ignore_ascii_case(Beginning::MEDIA)
}

/// All of it in one body, however long its inputs are.
pub(crate) fn read_whole(body: &[u8], pairs: &[(String, String)]) -> Result<Asked, Refusal> {
    if let Some((name, _)) = pairs.first() {
        let media = Beginning::MEDIA;
        let why = format!("`{name}` stands in the query: with {media} all of it is in the body");
        return Err(bad(why));
    }
    let whole = serde_json::from_slice(body);
    let Beginning { plan, file, inputs, workspace, dry_run } =
        whole.map_err(|error| bad(format!("this is no {}: {error}", Beginning::MEDIA)))?;
    let workspace = workspace.map(settle).transpose()?;
    Ok(Asked { request: Request { plan, file, inputs, workspace }, is_rehearsal: dry_run })
}

/// As in `?input=tag=v1.2&workspace=/srv/shop&branch=main`.
pub(crate) fn read(plan: String, pairs: Vec<(String, String)>) -> Result<Asked, Refusal> {
    let mut inputs = BTreeMap::new();
    let mut rest = BTreeMap::new();
    for (name, value) in pairs {
        let before = match name.as_str() {
            "input" => {
                let (name, value) = value
                    .split_once('=')
                    .filter(|(name, _)| !name.is_empty())
                    .ok_or_else(|| bad(format!("input is `{value}`: write it as NAME=VALUE")))?;
                inputs.insert(name.to_owned(), value.to_owned())
            }
            known if NAMES.contains(&known) => rest.insert(name.clone(), value),
            unknown => return Err(no_such(unknown)),
        };
        if before.is_some() {
            return Err(bad(format!("`{name}` is given twice: leave one out")));
        }
    }
    let is_rehearsal = match rest.remove("dry_run").as_deref() {
        None | Some("false") => false,
        Some("true") => true,
        Some(other) => return Err(bad(format!("dry_run is `{other}`: write true or false"))),
    };
    let file = rest.remove("file");
    let workspace = workspace(rest)?;
    Ok(Asked { request: Request { plan, file, inputs, workspace }, is_rehearsal })
}

fn workspace(mut rest: BTreeMap<String, String>) -> Result<Option<Workspace>, Refusal> {
    let (path, branch) = (rest.remove("workspace"), rest.remove("branch"));
    let id = rest.remove("workspace_id");
    let Some(path) = path else {
        return match branch.or(id) {
            Some(_) => Err(bad("a branch or an id is of a workspace: give that too".to_owned())),
            None => Ok(None),
        };
    };
    settle(Folder { id, path, branch }).map(Some)
}

fn settle(Folder { id, path, branch }: Folder) -> Result<Workspace, Refusal> {
    if !path.starts_with('/') {
        return Err(bad(format!("workspace is `{path}`: write an absolute path")));
    }
    // The last name of a path is what people call a folder.
    let name = || path.rsplit('/').find(|name| !name.is_empty()).unwrap_or("root").to_owned();
    let id = id.unwrap_or_else(name);
    Ok(Workspace { id, path, branch })
}

fn no_such(name: &str) -> Refusal {
    let instead = match nearest(name, NAMES) {
        Some(meant) => format!("did you mean `{meant}`?"),
        None => format!("it takes {}", NAMES.join(", ")),
    };
    bad(format!("there is no `{name}` in the query of a run: {instead}"))
}

#[cfg(test)]
mod tests;
