//! Which paths are meant: `*` and `?` within one name, `**` for any number of folders, `{a,b}` for
//! either. Everything else stands for itself; a path is what its names say, with slashes.
//!
//! Ours, because so little of what a crate for it does is wanted: a match costs names times parts,
//! whatever is written, and a folder in which nothing can match is not entered.

/// How long one may be.
const GLOB_BYTES_MAX: usize = 1024;
/// How many globs without braces one with braces may stand for.
const ALTERNATIVES_MAX: usize = 64;

/// Several globs; a path is meant that any of them means.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Globs(Vec<Glob>);

/// One without braces, part by part.
type Glob = Vec<Part>;

#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    /// `**`: any number of folders, none as well.
    Folders,
    /// A name with `*` and `?`.
    Name(Vec<char>),
}

/// Why a text is no glob; nothing if it is one.
pub(super) fn fault(text: &str) -> Option<String> {
    read(text).err()
}

impl Globs {
    /// Of texts without faults; one with faults means nothing.
    pub(super) fn new(texts: &[String]) -> Self {
        Self(texts.iter().filter_map(|text| read(text).ok()).flatten().collect())
    }

    pub(super) fn mean(&self, path: &str) -> bool {
        self.0.iter().any(|glob| reached(glob, path).last() == Some(&true))
    }

    /// Whether anything below this folder may be meant; the empty path is the folder of all.
    pub(super) fn may_mean_below(&self, folder: &str) -> bool {
        self.0.iter().any(|glob| reached(glob, folder)[..glob.len()].contains(&true))
    }
}

fn read(text: &str) -> Result<Vec<Glob>, String> {
    if GLOB_BYTES_MAX < text.len() {
        let bytes = text.len();
        return Err(format!("has {bytes} bytes, and {GLOB_BYTES_MAX} is the most: write several"));
    }
    alternatives(text)?.iter().map(|text| parts(text)).collect()
}

/// All that a text with braces stands for.
fn alternatives(text: &str) -> Result<Vec<String>, String> {
    let mut whole = Vec::new();
    let mut open = vec![text.to_owned()];
    while let Some(text) = open.pop() {
        // The first that closes has no other one inside.
        let (begin, end) = match (text.find('{'), text.find('}')) {
            (None, None) => {
                whole.push(text);
                continue;
            }
            (_, Some(end)) => match text[..end].rfind('{') {
                Some(begin) => (begin, end),
                None => {
                    return Err("has a `}` without a `{`: write `{a,b}`, or `?` for it".to_owned());
                }
            },
            (Some(_), None) => {
                return Err("has a `{` without a `}`: write `{a,b}`, or `?` for it".to_owned());
            }
        };
        let (before, after) = (&text[..begin], &text[end + 1..]);
        let either = text[begin + 1..end].split(',');
        open.extend(either.map(|middle| format!("{before}{middle}{after}")));
        if ALTERNATIVES_MAX < whole.len() + open.len() {
            return Err(format!("stands for more than {ALTERNATIVES_MAX}: write several"));
        }
    }
    Ok(whole)
}

fn parts(text: &str) -> Result<Glob, String> {
    let instead = "write it relative to the workspace, as `src/**` or `*.md`";
    text.split('/')
        .map(|part| match part {
            "" => Err(format!("has an empty name in it, or a slash at an end: {instead}")),
            "." | ".." => Err(format!("has `{part}` in it: {instead}")),
            part if part.contains('\0') => Err("has a NUL in it: leave it out".to_owned()),
            "**" => Ok(Part::Folders),
            part => Ok(Part::Name(part.chars().collect())),
        })
        .collect()
}

/// After which parts of a glob the whole path may have been read: one more place than parts, the
/// last of which is the end of the glob.
fn reached(glob: &[Part], path: &str) -> Vec<bool> {
    let mut places = vec![false; glob.len() + 1];
    places[0] = true;
    skip(glob, &mut places);
    for name in path.split('/').filter(|name| !name.is_empty()) {
        let name: Vec<char> = name.chars().collect();
        let mut next = vec![false; places.len()];
        for (place, part) in glob.iter().enumerate().filter(|(place, _)| places[*place]) {
            match part {
                Part::Folders => next[place] = true,
                Part::Name(wanted) => next[place + 1] |= means(wanted, &name),
            }
        }
        skip(glob, &mut next);
        places = next;
    }
    places
}

/// Folders may be none at all.
fn skip(glob: &[Part], places: &mut [bool]) {
    for (place, part) in glob.iter().enumerate() {
        if places[place] && *part == Part::Folders {
            places[place + 1] = true;
        }
    }
}

/// Whether a name is meant. After a mismatch only the last `*` takes one letter more: an earlier
/// one could gain nothing by it.
fn means(wanted: &[char], name: &[char]) -> bool {
    let (mut at, mut read) = (0, 0);
    let mut star = None;
    while read < name.len() {
        match wanted.get(at) {
            Some('*') => {
                star = Some((at, read));
                at += 1;
            }
            Some(letter) if *letter == '?' || *letter == name[read] => {
                at += 1;
                read += 1;
            }
            Some(_) | None => {
                let Some((place, taken)) = star else { return false };
                star = Some((place, taken + 1));
                at = place + 1;
                read = taken + 1;
            }
        }
    }
    wanted[at..].iter().all(|letter| *letter == '*')
}

#[cfg(test)]
mod tests;
