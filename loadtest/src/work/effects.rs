//! What has happened outside, line by line: a key, and when.

use std::collections::{HashMap, HashSet};
use std::path::Path;

/// The lines of a sink.
#[derive(Debug, Clone, Default)]
pub(super) struct Effects(Vec<(String, u64)>);

impl Effects {
    pub(super) fn read(sink: &Path) -> anyhow::Result<Self> {
        let text = std::fs::read_to_string(sink)?;
        let effect = |line: &str| {
            let (key, at_us) = line.split_once(' ')?;
            Some((key.to_owned(), at_us.parse().ok()?))
        };
        // A line that was cut off is no effect.
        Ok(Effects(text.lines().filter_map(effect).collect()))
    }

    /// Those that came later than these.
    pub(super) fn after(mut self, before: &Effects) -> Self {
        Effects(self.0.split_off(before.0.len().min(self.0.len())))
    }

    pub(super) fn and(&self, others: &Effects) -> Self {
        Effects([self.0.as_slice(), others.0.as_slice()].concat())
    }

    pub(super) fn count(&self) -> usize {
        self.0.len()
    }

    /// What a sink that knows keys has done.
    pub(super) fn distinct(&self) -> usize {
        self.keys().len()
    }

    /// Those of them that are one of so many steps of a plan.
    pub(super) fn of_steps(&self, steps: usize) -> usize {
        let number = |key: &str| key.split_once("/s")?.1.parse::<usize>().ok();
        let keys = self.keys();
        keys.into_iter().filter(|key| number(key).is_some_and(|number| number < steps)).count()
    }

    fn keys(&self) -> HashSet<&str> {
        self.0.iter().map(|(key, _)| key.as_str()).collect()
    }

    /// The first one that had not happened before; never, if there is none.
    pub(super) fn first_new_at_us(&self, before: &Effects) -> f64 {
        let known = before.keys();
        let new = self.0.iter().filter(|(key, _)| !known.contains(key.as_str()));
        new.map(|(_, at)| *at as f64).fold(f64::INFINITY, f64::min)
    }

    /// When the last plan that had so many steps and was not done with them came to life again.
    pub(super) fn last_plan_at_us(&self, before: &Effects, steps: usize) -> f64 {
        let mut first: HashMap<&str, u64> = HashMap::new();
        for (key, at) in &self.0 {
            let first = first.entry(plan(key)).or_insert(*at);
            *first = (*first).min(*at);
        }
        let mut done: HashMap<&str, usize> = HashMap::new();
        for key in before.keys() {
            *done.entry(plan(key)).or_default() += 1;
        }
        let is_missing =
            |(name, done): (&&str, &usize)| *done < steps && !first.contains_key(*name);
        match done.iter().any(is_missing) {
            true => f64::INFINITY,
            false => first.values().map(|at| *at as f64).fold(0.0, f64::max),
        }
    }
}

fn plan(key: &str) -> &str {
    key.split_once('/').map_or(key, |(plan, _)| plan)
}

#[cfg(test)]
mod tests;
