//! What one part measured: numbers with names, one JSON object on its way between processes.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Figures(BTreeMap<String, f64>);

impl<const COUNT: usize> From<[(&str, f64); COUNT]> for Figures {
    fn from(figures: [(&str, f64); COUNT]) -> Self {
        Figures(figures.into_iter().map(|(name, value)| (name.to_owned(), value)).collect())
    }
}

impl Figures {
    pub(crate) fn get(&self, name: &str) -> anyhow::Result<f64> {
        let figure = self.0.get(name).copied();
        figure.ok_or_else(|| anyhow::anyhow!("a measurement did not say its {name}"))
    }
}
