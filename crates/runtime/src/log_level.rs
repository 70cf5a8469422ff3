//! Changes the log level of the running process for a limited time. Afterwards the setting applies again.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// The log of this process, once it is open.
static LOG: OnceLock<ChangeableLog> = OnceLock::new();
/// The number of changes: only the latest one is reverted.
static CHANGES: AtomicU64 = AtomicU64::new(0);

struct ChangeableLog {
    /// The directives of the setting.
    setting: String,
    apply: Box<dyn Fn(&str) -> bool + Send + Sync>,
}

/// Makes the log changeable; `apply` replaces its directives, and returns whether that succeeded.
pub(crate) fn register(setting: String, apply: impl Fn(&str) -> bool + Send + Sync + 'static) {
    // A process opens its log once. In a test that opens it again, the first one stays.
    let _ = LOG.set(ChangeableLog { setting, apply: Box::new(apply) });
}

/// Sets the level for this long, unless a later change replaces it. Logs the change and its end at any level. Returns false
/// if the log is not open.
pub fn change(level: &str, duration: Duration) -> bool {
    let Some(log) = LOG.get() else { return false };
    if !(log.apply)(&directives(level)) {
        return false;
    }
    let number = CHANGES.fetch_add(1, Ordering::Relaxed) + 1;
    tracing::info!(level_set = level, seconds = duration.as_secs(), "log level changed temporarily");
    #[expect(
        clippy::disallowed_methods,
        reason = "it ends by itself, and has nothing to finish when the process ends"
    )]
    tokio::spawn(revert(log, number, duration));
    true
}

async fn revert(log: &'static ChangeableLog, number: u64, duration: Duration) {
    tokio::time::sleep(duration).await;
    if CHANGES.load(Ordering::Relaxed) == number {
        // Logged first, because the setting may be less verbose.
        tracing::info!(filter = log.setting, "log level restored");
        (log.apply)(&log.setting);
    }
}

/// The directives of a level, which always include the lines of this file.
fn directives(level: &str) -> String {
    match level {
        "debug" | "trace" => level.into(),
        _ => format!("{level},{}=info", module_path!()),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;

    #[tokio::test]
    async fn only_the_latest_change_is_reverted() {
        const LONG: Duration = Duration::from_hours(1);
        let applied: Arc<Mutex<Vec<String>>> = Arc::default();
        let seen = || applied.lock().unwrap().clone();
        assert!(!change("debug", LONG), "there is no log yet");
        let sink = Arc::clone(&applied);
        register("info,gateway=debug".into(), move |directives| {
            sink.lock().unwrap().push(directives.into());
            true
        });
        assert!(change("warn", LONG) && change("debug", LONG));
        assert_eq!(seen(), ["warn,runtime::log_level=info", "debug"]);
        let log = LOG.get().unwrap();
        revert(log, 1, Duration::ZERO).await;
        assert_eq!(seen().len(), 2, "the first change was replaced");
        revert(log, 2, Duration::ZERO).await;
        assert_eq!(seen()[2..], ["info,gateway=debug"]);
    }
}
