//! The tool `build_context_pack`: files of a workspace in one document, for whoever has to know
//! them and cannot look by itself.
//!
//! The document is a function of the names and contents of what is there: no time, no place on
//! this machine and no order of the disk is in it, so that the same files are the same bytes.

use std::sync::Arc;

use domain::BoxFuture;
use domain::blob::{self, Blob};
use domain::tool::{Call, Class, Contract, Effect, Failure, Media, Output};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::blocking::{self, Halt};
use super::files::{Entry, Folder, Holds, LOOKED_AT_MAX, Unfound};
use super::globs::{self, Globs};
use super::site::Site;
use super::workspace::{self, Workspace};
use super::{attachment, read};
use crate::Options;
use crate::command::{Term, refused};

const NAME: &str = "build_context_pack";

/// How many globs each of the two lists may have.
const GLOBS_MAX: usize = 64;
/// Bytes of files in a pack, where nothing else is said.
const BUDGET_BYTES: u64 = 256 * 1024;
const BUDGET_BYTES_MAX: u64 = 8 * 1024 * 1024;
/// Of the document.
const VERSION: u32 = 1;

#[derive(Debug, Deserialize)]
struct Arguments {
    workspace: Workspace,
    globs: Vec<String>,
    #[serde(default)]
    exclude: Vec<String>,
    budget_bytes: Option<u64>,
}

pub(crate) fn contract() -> Contract {
    let about = "Puts files of a workspace into one document: the same files, the same bytes.";
    let globs = |description: &str, least: usize| {
        json!({
            "type": "array",
            "minItems": least,
            "maxItems": GLOBS_MAX,
            "items": { "type": "string" },
            "description": description,
        })
    };
    let wanted = "1 to 64 globs of paths below the workspace: `*` and `?` within a name, `**` for \
                  any folders, `{a,b}` for either";
    let unwanted = "at most 64 globs of what is left out; a folder goes with all below it";
    let arguments = json!({
        "type": "object",
        "properties": {
            "workspace": workspace::schema(),
            "globs": globs(wanted, 1),
            "exclude": globs(unwanted, 0),
            "budget_bytes": {
                "type": "integer",
                "minimum": 1,
                "maximum": BUDGET_BYTES_MAX,
                "description": "how many bytes of files it takes, as a whole number up to 8388608; \
                                262144 if nothing else is said",
            },
        },
        "required": ["workspace", "globs"],
        "additionalProperties": false,
    });
    Contract { name: NAME, about, arguments, effect: Effect::None, lane: "files", is_far: false }
}

/// What the schema cannot say.
pub(crate) fn faults(args: &Value) -> Vec<String> {
    let mut faults = workspace::faults(args);
    for list in ["globs", "exclude"] {
        let texts = args[list].as_array().into_iter().flatten().enumerate();
        let texts = texts.filter_map(|(place, text)| Some((place, text.as_str()?)));
        let broken = texts.filter_map(|(place, text)| Some((place, globs::fault(text)?)));
        faults.extend(broken.map(|(place, fault)| format!("args.{list}.{place} {fault}")));
    }
    faults
}

pub(crate) async fn perform(
    options: Arc<Options>,
    call: Call,
    stop: BoxFuture<'static, ()>,
) -> Result<Output, Failure> {
    let term = Term::new(call.within, stop);
    let Arguments { workspace, globs, exclude, budget_bytes } = read(call.args)?;
    let mut site = Site::enter(options, &workspace, call.key, term).await?;
    let folder = site.folder.clone();
    let budget_bytes = budget_bytes.unwrap_or(BUDGET_BYTES);
    let build = move |halt: &Halt| {
        let folder = Folder::open(&folder).map_err(|error| {
            refused(format!("the workspace {} cannot be read: {error}", folder.display()))
        })?;
        let pack = pack(&folder, &globs, &exclude, budget_bytes, halt).map_err(unfound)?;
        output(&pack)
    };
    blocking::run(&mut site.term, build).await?
}

/// The document. Its fields come in this order.
#[derive(Debug, Default, Serialize)]
struct Pack {
    version: u32,
    files: Vec<File>,
    left_out: Vec<LeftOut>,
}

#[derive(Debug, Serialize)]
struct File {
    path: String,
    sha256: String,
    bytes: u64,
    text: String,
}

#[derive(Debug, Serialize)]
struct LeftOut {
    path: String,
    why: String,
}

/// In the order of their paths, each file whole or not at all; a smaller one may still fit where a
/// bigger one before it did not.
fn pack(
    folder: &Folder,
    globs: &[String],
    exclude: &[String],
    budget_bytes: u64,
    halt: &Halt,
) -> Result<Pack, Unfound> {
    let mut pack = Pack { version: VERSION, ..Pack::default() };
    let mut room_bytes = budget_bytes;
    for (path, entry) in folder.find(&Globs::new(globs), &Globs::new(exclude), halt)? {
        if halt.is_asked() {
            return Err(Unfound::Halted);
        }
        let holds = match entry {
            Entry::File => folder.read(&path, room_bytes),
            Entry::Closed(why) => Holds::Nothing(why),
        };
        match holds {
            Holds::Text(text) => {
                let bytes = text.len() as u64;
                room_bytes -= bytes;
                pack.files.push(File { path, sha256: sha256(text.as_bytes()), bytes, text });
            }
            Holds::More => {
                let why = format!("it does not fit into what is left of {budget_bytes} bytes");
                pack.left_out.push(LeftOut { path, why });
            }
            Holds::Nothing(why) => pack.left_out.push(LeftOut { path, why }),
        }
    }
    Ok(pack)
}

fn output(pack: &Pack) -> Result<Output, Failure> {
    let document = serde_json::to_vec(pack).expect("texts and numbers are JSON");
    if blob::BYTES_MAX < document.len() {
        return Err(refused(format!(
            "the pack has {} bytes, and {} is the most: write a smaller `budget_bytes`, or globs \
             that mean less",
            document.len(),
            blob::BYTES_MAX
        )));
    }
    let value = json!({
        "sha256": sha256(&document),
        "files": pack.files.len(),
        "bytes": pack.files.iter().map(|file| file.bytes).sum::<u64>(),
        "left_out": pack.left_out.len(),
    });
    let attachments = vec![attachment("context_pack", Media::Json, document)];
    Ok(Output { value, attachments })
}

fn unfound(unfound: Unfound) -> Failure {
    match unfound {
        Unfound::TooMany => refused(format!(
            "there are more than {LOOKED_AT_MAX} files and folders to look at: write globs that \
             begin with a folder, or `exclude` what is built or fetched"
        )),
        // Nobody hears this: whoever asked has said already why.
        Unfound::Halted => Failure {
            class: Class::Stopped,
            story: "the pack was not built to its end".to_owned(),
            output: Output::default(),
        },
    }
}

fn sha256(bytes: &[u8]) -> String {
    Blob::from_hash(Sha256::digest(bytes).into()).to_string()
}
