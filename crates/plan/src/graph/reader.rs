//! Shapes and words: what stands under a key, and the faults of whatever should stand there.

use std::collections::BTreeSet;
use std::rc::Rc;

use domain::nearest::nearest;

use super::node::{List, Map, Node, Scalar};
use super::{Fault, Limits, Place, Severity, story};

/// A text with more faults than this is told the number of the others.
const FAULTS_MAX: usize = 100;

const WORD_BYTES_MAX: usize = 64;
/// Of what one list of names may hold.
const NAMES_MAX: usize = 100;

/// Goes on after a fault with whatever stands for nothing, so that all of them are found.
pub(super) struct Reader<'a> {
    text: &'a str,
    pub(super) limits: &'a Limits,
    faults: Vec<Fault>,
    left_out: usize,
    pub(super) errors: usize,
}

impl<'a> Reader<'a> {
    pub(super) fn new(text: &'a str, limits: &'a Limits, faults: Vec<Fault>) -> Self {
        let mut reader = Reader { text, limits, faults: Vec::new(), left_out: 0, errors: 0 };
        faults.into_iter().for_each(|fault| reader.add(fault));
        reader
    }

    /// All faults, in the order of the text.
    pub(super) fn faults(self) -> Vec<Fault> {
        let mut faults = self.faults;
        faults.sort_by_key(|fault| fault.place);
        if let Some(last) = faults.last().filter(|_| self.left_out != 0) {
            let what = format!("{} more faults are not told: mend these first", self.left_out);
            let severity = Severity::Warning;
            faults.push(Fault { place: last.place, severity, what, instead: None });
        }
        faults
    }

    pub(super) fn add(&mut self, fault: Fault) {
        self.errors += usize::from(fault.severity == Severity::Error);
        if self.is_full() {
            self.left_out += 1;
        } else if !self.faults.contains(&fault) {
            // What an alias repeats is wrong once.
            self.faults.push(fault);
        }
    }

    fn is_full(&self) -> bool {
        FAULTS_MAX <= self.faults.len()
    }

    pub(super) fn error(&mut self, place: Place, what: impl Into<String>) {
        let severity = Severity::Error;
        self.add(Fault { place, severity, what: what.into(), instead: None });
    }

    pub(super) fn warn(&mut self, place: Place, what: impl Into<String>) {
        let severity = Severity::Warning;
        self.add(Fault { place, severity, what: what.into(), instead: None });
    }

    /// A word that is none of those known here, and the line with the one that was meant.
    pub(super) fn unknown<'k>(
        &mut self,
        found: &Scalar,
        what: &str,
        known: impl IntoIterator<Item = &'k str>,
    ) {
        if self.is_full() {
            // Finding what was meant is dear.
            return self.error(found.place, what);
        }
        let known: Vec<&str> = known.into_iter().collect();
        let meant = meant(&found.text, known.iter().copied());
        let advice = match meant {
            Some(meant) => format!("did you mean `{meant}`?"),
            None => format!("it may be {}", known.join(", ")),
        };
        let instead = meant.and_then(|meant| self.replaced(found, meant));
        let (place, severity) = (found.place, Severity::Error);
        self.add(Fault { place, severity, what: format!("{what}: {advice}"), instead });
    }

    /// The line of a scalar with another word in its place.
    fn replaced(&self, found: &Scalar, word: &str) -> Option<String> {
        let (before, rest) = self.split(found.place)?;
        let (open, rest) = match rest.chars().next()? {
            quote @ ('"' | '\'') => (&rest[..quote.len_utf8()], &rest[1..]),
            _ => ("", rest),
        };
        let rest = rest.strip_prefix(found.text.as_str())?;
        story::short(format!("{before}{open}{word}{rest}"))
    }

    /// The line of a place, before it and from it on.
    fn split(&self, place: Place) -> Option<(&'a str, &'a str)> {
        let line = story::line(self.text, place.line).trim_start_matches('\u{feff}');
        let (start, _) = line.char_indices().nth(place.column - 1)?;
        Some(line.split_at(start))
    }

    /// Warns of a command that has lost its end: after a blank, `#` begins a comment of YAML.
    pub(super) fn warn_if_cut(&mut self, command: &Scalar) {
        if !command.is_plain || self.is_full() {
            return;
        }
        let rest =
            self.split(command.place).and_then(|(_, rest)| rest.strip_prefix(&*command.text));
        let is_cut = rest.is_some_and(|rest| rest.trim_start().starts_with('#'));
        let is_open = |quote| command.text.matches(quote).count() % 2 == 1;
        if is_cut && (is_open('"') || is_open('\'')) {
            let what = "`#` begins a comment of YAML, and the command ends before it, within \
                        quotes: put all of it in quotes, or below `command: |`";
            self.warn(command.place, what);
        }
    }

    // --- shapes ---

    /// A mapping of these keys and no others. Keys that mean nothing are told.
    pub(super) fn map<'n>(&mut self, node: &'n Node, what: &str, keys: &[&str]) -> Option<&'n Map> {
        let map = self.any_map(node, what)?;
        let unknown = |(key, _): &&(Rc<Scalar>, Rc<Node>)| !keys.contains(&key.text.as_str());
        let mut unknown = map.entries.iter().filter(unknown).peekable();
        if unknown.peek().is_some() {
            let free: Vec<&str> =
                keys.iter().copied().filter(|key| map.get(key).is_none()).collect();
            for (key, _) in unknown {
                let told = format!("{what} has no key `{}`", story::shown(&key.text));
                self.unknown(key, &told, free.iter().copied());
            }
        }
        Some(map)
    }

    pub(super) fn any_map<'n>(&mut self, node: &'n Node, what: &str) -> Option<&'n Map> {
        match node {
            Node::Map(map) => Some(map),
            Node::Scalar(_) | Node::List(_) => {
                self.misshapen(node, what, "a mapping `key: value`");
                None
            }
        }
    }

    pub(super) fn misshapen(&mut self, node: &Node, what: &str, right: &str) {
        self.error(node.place(), format!("{what} is {}, and must be {right}", node.shape()));
    }

    pub(super) fn list<'n>(&mut self, map: &'n Map, key: &str) -> Option<&'n List> {
        match map.get(key)? {
            Node::List(list) => Some(list),
            other @ (Node::Scalar(_) | Node::Map(_)) => {
                self.misshapen(other, &format!("`{key}`"), "a list `[…]`");
                None
            }
        }
    }

    // --- texts and words ---

    pub(super) fn scalar<'n>(&mut self, map: &'n Map, key: &str) -> Option<&'n Scalar> {
        self.as_scalar(map.get(key)?, &format!("`{key}`"))
    }

    pub(super) fn as_scalar<'n>(&mut self, node: &'n Node, what: &str) -> Option<&'n Scalar> {
        match node {
            Node::Scalar(scalar) => Some(scalar),
            Node::List(_) | Node::Map(_) => {
                self.misshapen(node, what, "a text");
                None
            }
        }
    }

    pub(super) fn text(&mut self, map: &Map, key: &str) -> Option<String> {
        self.scalar(map, key).map(|scalar| scalar.text.clone())
    }

    /// Something that must be there, and not be blank.
    pub(super) fn needed<'n>(&mut self, map: &'n Map, key: &str, what: &str) -> Option<&'n Scalar> {
        if map.get(key).is_none() {
            self.lacks(map, &[key], format!("{what} says no `{key}`"));
            return None;
        }
        let scalar = self.scalar(map, key)?;
        if scalar.text.trim().is_empty() {
            self.error(scalar.place, format!("`{key}` is blank"));
            return None;
        }
        Some(scalar)
    }

    /// Tells that none of these keys is there. Where one was misspelt, that is told already.
    pub(super) fn lacks(&mut self, map: &Map, keys: &[&str], what: String) {
        if self.errors == 0 || !has_near(map, keys) {
            self.error(map.place, what);
        }
    }

    /// A plain word, as keys and lanes are made of.
    pub(super) fn word(&mut self, node: &Node, what: &str) -> Option<String> {
        let scalar = self.as_scalar(node, what)?;
        let is_plain = |letter: char| letter.is_ascii_alphanumeric() || "_-.:".contains(letter);
        let word = &scalar.text;
        if word.is_empty() || WORD_BYTES_MAX < word.len() || !word.chars().all(is_plain) {
            let shown = story::shown(word);
            let right = "must be 1 to 64 letters, digits, `_`, `-`, `.` or `:`";
            self.error(scalar.place, format!("{what} is `{shown}`, and {right}"));
            return None;
        }
        Some(word.clone())
    }

    /// Names as people give them; each once.
    pub(super) fn names<'n>(&mut self, list: &'n List, what: &str) -> Vec<&'n Scalar> {
        let mut names: Vec<&Scalar> = Vec::new();
        let mut seen = BTreeSet::new();
        for item in self.few(list.place, what, &list.items) {
            let Some(name) = self.name(item, what) else { continue };
            if seen.insert(name.text.as_str()) {
                names.push(name);
            } else {
                self.error(
                    name.place,
                    format!("{what} names `{}` twice", story::shown(&name.text)),
                );
            }
        }
        names
    }

    /// As many names as one place may hold.
    pub(super) fn few<'n, T>(&mut self, place: Place, what: &str, names: &'n [T]) -> &'n [T] {
        let count = names.len();
        if NAMES_MAX < count {
            self.error(place, format!("{what} holds {count} names, and {NAMES_MAX} is the most"));
        }
        &names[..count.min(NAMES_MAX)]
    }

    pub(super) fn name<'n>(&mut self, item: &'n Rc<Node>, what: &str) -> Option<&'n Scalar> {
        let scalar = self.as_scalar(item, &format!("a name of {what}"))?;
        if scalar.text.trim().is_empty() || scalar.is_null() {
            self.error(scalar.place, format!("a name of {what} is blank"));
            return None;
        }
        Some(scalar)
    }

    // --- choices and numbers ---

    pub(super) fn choice<T: Copy>(
        &mut self,
        map: &Map,
        key: &str,
        choices: &[(&str, T)],
    ) -> Option<T> {
        let scalar = self.scalar(map, key)?;
        let word = scalar.text.trim();
        let chosen = choices.iter().find(|(name, _)| *name == word).map(|(_, choice)| *choice);
        if chosen.is_none() {
            let what = format!("`{key}` is `{}`", story::shown(&scalar.text));
            self.unknown(scalar, &what, choices.iter().map(|(name, _)| *name));
        }
        chosen
    }

    pub(super) fn truth(&mut self, map: &Map, key: &str) -> Option<bool> {
        let scalar = self.scalar(map, key)?;
        let truth = scalar.truth();
        if truth.is_none() {
            let what =
                format!("`{key}` is `{}`, and must be true or false", story::shown(&scalar.text));
            self.error(scalar.place, what);
        }
        truth
    }

    /// How often something is tried in all: 0 and 1 both mean once.
    pub(super) fn attempts(&mut self, map: &Map, key: &str) -> Option<u32> {
        let scalar = self.scalar(map, key)?;
        let max = self.limits.attempts_max;
        match scalar.text.trim().parse::<u32>() {
            Ok(attempts) if attempts <= max => Some(attempts.max(1)),
            Ok(_) | Err(_) => {
                let shown = story::shown(&scalar.text);
                let what = format!("`{key}` is `{shown}`, and must be a number from 0 to {max}");
                self.error(scalar.place, what);
                None
            }
        }
    }
}

/// Whether a mapping has one of these keys, more or less.
pub(super) fn has_near(map: &Map, keys: &[&str]) -> bool {
    let is_said = |node: &Node| !node.is_null();
    let mut keys_said = map.entries.iter().filter(|(_, node)| is_said(node)).map(|(key, _)| key);
    keys_said.any(|key| meant(&key.text, keys.iter().copied()).is_some())
}

/// Which of the known words was meant, where that can be told: no word of ours is long, and a
/// single letter may be anything.
pub(super) fn meant<'k>(word: &str, known: impl IntoIterator<Item = &'k str>) -> Option<&'k str> {
    let word = word.trim();
    let is_word = 1 < word.chars().count() && word.len() <= WORD_BYTES_MAX;
    if is_word { nearest(word, known) } else { None }
}
