//! For how long what is over is kept.

use std::time::Duration;

use domain::records;
use serde::{Deserialize, Serialize};
use upkeep::janitor::{Every, Plan};

/// What goes, and when. Open runs are kept whatever their age, and so is the audit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Retention {
    /// How often it is looked for what may go; 1 second or more.
    #[serde(with = "domain::duration")]
    pub(crate) every: Duration,
    /// For how long a `--key` names the same request; 1 minute or more.
    #[serde(with = "domain::duration")]
    pub(crate) key_age_max: Duration,
    /// For how long a run stays after its end; 1 minute or more.
    #[serde(with = "domain::duration")]
    pub(crate) closed_age_max: Duration,
    /// How many ended runs stay, the newest; 1 or more.
    pub(crate) closed_count_max: u64,
    /// Bytes of the histories of ended runs that stay, the newest; 1 or more.
    pub(crate) closed_bytes_max: u64,
    /// For how long bytes stay that no run names; 10 minutes or more.
    #[serde(with = "domain::duration")]
    pub(crate) spare_age_min: Duration,
    /// Rows that go at a time, while nobody else writes; 1 to 4096.
    pub(crate) portion_max: u32,
}

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);
const PORTION_MAX: u32 = 4_096;

impl Default for Retention {
    fn default() -> Self {
        let Plan { retention, every } = Plan::default();
        Retention {
            every: every.0,
            key_age_max: retention.key_age_max,
            closed_age_max: retention.closed_age_max,
            closed_count_max: retention.closed_count_max,
            closed_bytes_max: retention.closed_bytes_max,
            spare_age_min: retention.spare_age_min,
            portion_max: retention.portion_max,
        }
    }
}

impl Retention {
    pub(crate) fn plan(&self) -> Plan {
        let retention = records::Retention {
            key_age_max: self.key_age_max,
            closed_age_max: self.closed_age_max,
            closed_count_max: self.closed_count_max,
            closed_bytes_max: self.closed_bytes_max,
            spare_age_min: self.spare_age_min,
            portion_max: self.portion_max,
        };
        Plan { retention, every: Every(self.every) }
    }

    pub(super) fn invalid(&self) -> Option<(&'static str, String)> {
        let durations = [
            ("every", self.every, SECOND),
            ("key_age_max", self.key_age_max, MINUTE),
            ("closed_age_max", self.closed_age_max, MINUTE),
            ("spare_age_min", self.spare_age_min, 10 * MINUTE),
        ];
        let short = durations.into_iter().find(|(_, duration, least)| duration < least);
        if let Some((key, _, least)) = short {
            return Some((key, format!("must be {} or more", domain::duration::render(least))));
        }
        let counts = [
            ("closed_count_max", self.closed_count_max),
            ("closed_bytes_max", self.closed_bytes_max),
        ];
        if let Some((key, _)) = counts.into_iter().find(|(_, count)| *count == 0) {
            return Some((key, "must be 1 or more".to_owned()));
        }
        let fits = (1..=PORTION_MAX).contains(&self.portion_max);
        (!fits).then(|| ("portion_max", format!("must lie between 1 and {PORTION_MAX}")))
    }
}
