//! A quiet panic hook: a panic of an actor is one line in its supervisor's log.

use std::panic::PanicHookInfo;
use std::sync::Once;

use crate::incarnation;

static INSTALL: Once = Once::new();

/// Takes over the panics of actors, process-wide; all others are reported as before.
pub(crate) fn install() {
    INSTALL.call_once(|| {
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            if !note(info) {
                before(info);
            }
        }));
    });
}

/// Keeps the place of the panic for the supervisor, who tells of it with the actor's path.
fn note(info: &PanicHookInfo<'_>) -> bool {
    let place = info.location().map(|place| format!("{}:{}", place.file(), place.line()));
    let noted = incarnation::with_current(|current| {
        current.note_panic_place(place.unwrap_or_else(|| "an unknown place".to_owned()));
    });
    noted.is_some()
}
