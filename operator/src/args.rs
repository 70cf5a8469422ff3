//! The command line.

use std::iter;

use clap::{Parser, Subcommand};
use clap_complete::Shell;
use contracts::control::{LONGEST_LOG_LEVEL_S, LogLevel};
use contracts::naming::process_name;
use contracts::{LISTENERS, SubscriptionInfo, process_names};
use uuid::Uuid;

use crate::error::EXIT_CODES;

const SETTINGS_AND_EXAMPLES: &str = "\
AMQP_URL, USERS_DATABASE_URL and ORDERS_DATABASE_URL name the broker and the
databases; EVENTS_RETRY_MS sets the retry delays. See docs/configuration.md.

Examples:
  signalbox dead list
  signalbox dead show users.on_order_created --limit 5
  signalbox dead redrive users.on_order_created --rate 50
  signalbox topology check --json
  signalbox why 0190b7a4-5a1c-7c00-8000-000000000000
  signalbox top
  signalbox log-level orders.create debug --for 10m

Exit codes:";

/// What the help and the manual end with.
fn after_help() -> String {
    let codes = EXIT_CODES.iter().map(|(code, meaning)| format!("\n  {code:<2}  {meaning}"));
    iter::once(SETTINGS_AND_EXAMPLES.to_owned()).chain(codes).collect()
}

/// The name of the program.
pub(crate) const NAME: &str = "signalbox";

/// The operator's tool: dead letters, the broker's topology, the live system, the trace of an order
#[derive(Parser)]
#[command(name = NAME, version = runtime::VERSION, after_help = after_help(), max_term_width = 80)]
pub(crate) struct Args {
    /// Print JSON
    #[arg(long, global = true)]
    pub(crate) json: bool,
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Show, redrive or drop dead letters: events that a listener could not handle
    Dead {
        #[command(subcommand)]
        command: Dead,
    },
    /// Compare what the broker has with what the code declares, or create it
    Topology {
        #[command(subcommand)]
        command: Topology,
    },
    /// Print the permissions that each process needs at the broker, and the policies of the queues
    ///
    /// Without --json, a long expression continues on the next line after a `|`. With --json, the output has the form
    /// that RabbitMQ imports, for the vhost of AMQP_URL: add the `users` with their passwords and send it to
    /// `POST /api/definitions` of the management API. Does not connect to the broker.
    Accounts,
    /// Trace an order, a request, an event or a user: its row, its events, and which listeners handled them
    ///
    /// Exits with 1 if nothing is known about the id. Shows no e-mail address and no content.
    #[command(after_help = "Example:\n  signalbox why 0190b7a4-5a1c-7c00-8000-000000000000")]
    Why {
        /// The id of an order, a request, an event or a user
        id: String,
    },
    /// Show the current state of relays, databases, patterns and listeners
    #[command(after_help = "Example, for a monitor:\n  signalbox status --check --json")]
    Status {
        /// Exit with 1 if anything is unhealthy
        #[arg(long)]
        check: bool,
    },
    /// Show the live system on the terminal, refreshed each second
    ///
    /// Patterns, listeners, relays and gateways, with their instances, rates, latencies and queue waits over the last ten
    /// seconds, queue lengths and errors. `1+1?` copies: one answers, another is connected but does not answer. The keys are
    /// at the bottom of the screen.
    #[command(after_help = "Example:\n  signalbox top --once")]
    Top {
        /// Print the table once and exit; needs no terminal. --json does so too
        #[arg(long)]
        once: bool,
    },
    /// Show where the time of a request went
    ///
    /// Prints the spans of a sampled request, from the gateway to the listeners of its event, as the gateway remembers them.
    #[command(
        after_help = "Examples:\n  signalbox trace 0190b7a4-5a1c-7c00-8000-000000000000\n  signalbox trace --slowest orders.create"
    )]
    Trace {
        /// The id of a trace, a request (`X-Request-Id`), a message or an order
        #[arg(required_unless_present = "slowest")]
        id: Option<String>,
        /// Instead of an id: the slowest request of this pattern or listener that is remembered
        #[arg(long, value_name = "NAME", value_parser = process, conflicts_with = "id")]
        slowest: Option<&'static str>,
        /// Print OTLP/JSON, for an OpenTelemetry collector, Jaeger or Tempo
        #[arg(long)]
        otlp: bool,
    },
    /// Change the log level of a process for a while
    ///
    /// It applies to all instances with this name. Afterwards, or after a restart, LOG_FILTER applies again. A later change
    /// replaces an earlier one. The exit code is 1 unless every instance has changed its level.
    #[command(after_help = "Example:\n  signalbox log-level orders.create debug --for 10m")]
    LogLevel {
        /// A pattern, a listener, a relay or `gateway`
        #[arg(value_parser = process)]
        name: &'static str,
        /// error, warn, info, debug or trace
        #[arg(value_parser = level)]
        level: LogLevel,
        /// How long, such as 90s or 10m; at most an hour
        #[arg(long = "for", value_name = "TIME", default_value = "10m", value_parser = duration)]
        for_s: u32,
        /// Only this instance; `signalbox top` shows the ids
        #[arg(long, value_name = "UUID")]
        instance: Option<Uuid>,
    },
    /// Print a completion script for a shell
    #[command(after_help = "Example:\n  signalbox completions bash > /etc/bash_completion.d/signalbox")]
    Completions {
        /// The shell
        shell: Shell,
    },
    /// Print the manual page
    #[command(after_help = "Example:\n  signalbox man > ~/.local/share/man/man1/signalbox.1")]
    Man,
}

#[derive(Subcommand)]
pub(crate) enum Dead {
    /// Count the dead letters of each listener
    #[command(after_help = "Example, for cron, which mails the output of a command:\n  signalbox dead list --check")]
    List {
        /// Show only listeners that have dead letters, and exit with 1 if there are any
        #[arg(long)]
        check: bool,
    },
    /// Show dead letters and why they failed; leaves them in place
    #[command(after_help = "Example:\n  signalbox dead show users.on_order_created --limit 5")]
    Show {
        /// The listener, such as users.on_order_created
        #[arg(value_name = "QUEUE", value_parser = listener)]
        listener: SubscriptionInfo,
        /// How many to show
        #[arg(long, default_value = "20", value_parser = at_least_one)]
        limit: u32,
        /// Show the bodies, too: they may contain personal data
        #[arg(long)]
        body: bool,
    },
    /// Return dead letters to their listener, with their retries reset
    #[command(after_help = "Example:\n  signalbox dead redrive users.on_order_created --rate 50 --dry-run")]
    Redrive {
        /// The listener, such as users.on_order_created
        #[arg(value_name = "QUEUE", value_parser = listener)]
        listener: SubscriptionInfo,
        #[command(flatten)]
        which: Which,
        /// How many to redrive per second at most, from 1 to 1000
        #[arg(long, value_name = "PER_SECOND", value_parser = rate)]
        rate: Option<u32>,
        /// Only say what would be done
        #[arg(long)]
        dry_run: bool,
    },
    /// Delete dead letters for good, after a confirmation
    #[command(after_help = "Example:\n  signalbox dead drop users.on_order_created --limit 1")]
    Drop {
        /// The listener, such as users.on_order_created
        #[arg(value_name = "QUEUE", value_parser = listener)]
        listener: SubscriptionInfo,
        #[command(flatten)]
        which: Which,
        /// Do not ask for confirmation
        #[arg(long)]
        yes: bool,
    },
}

/// Selects dead letters; all of them by default.
#[derive(clap::Args)]
pub(crate) struct Which {
    /// Only the one with this message id; may be repeated
    #[arg(long = "id", value_name = "UUID", value_parser = message_id)]
    pub(crate) ids: Vec<String>,
    /// Only the first LIMIT
    #[arg(long, conflicts_with = "ids", value_parser = at_least_one)]
    pub(crate) limit: Option<u32>,
}

#[derive(Subcommand)]
pub(crate) enum Topology {
    /// Compare; change nothing
    Check,
    /// Create what is missing, set policies, upgrade request queues of older releases
    ///
    /// Policies need AMQP_MANAGEMENT_URL and a user with the tag policymaker. Without them, import what
    /// `signalbox accounts --json` prints. Any other queue that differs is left as it is.
    Apply,
}

fn at_least_one(text: &str) -> Result<u32, String> {
    match text.parse() {
        Ok(0) | Err(_) => Err(format!("it must be a whole number from 1 to {}", u32::MAX)),
        Ok(number) => Ok(number),
    }
}

/// The timer's resolution of a millisecond allows no higher rate.
fn rate(text: &str) -> Result<u32, String> {
    let number = text.parse().ok().filter(|number| (1..=1_000).contains(number));
    number.ok_or_else(|| "it must be a whole number from 1 to 1000; leave it out for no limit".into())
}

/// An empty id would select every message that has none.
fn message_id(text: &str) -> Result<String, String> {
    if text.trim().is_empty() { Err("it must not be empty".into()) } else { Ok(text.into()) }
}

/// Finds a listener by its name, or by that of its dead-letter queue.
fn listener(text: &str) -> Result<SubscriptionInfo, String> {
    let name = text.strip_suffix(".dead").unwrap_or(text);
    LISTENERS.into_iter().find(|listener| listener.name == name).ok_or_else(|| {
        let names: Vec<_> = LISTENERS.iter().map(|listener| listener.name).collect();
        match runtime::nearest(name, &names) {
            Some(near) => format!("no listener has this name; did you mean {near}?"),
            None => format!("no listener has this name; there are: {}", names.join(", ")),
        }
    })
}

/// A name that processes report under, or that of the processes.
fn process(text: &str) -> Result<&'static str, String> {
    let names = process_names();
    let found = names.iter().find(|name| **name == text || process_name(name) == text);
    found.copied().ok_or_else(|| match runtime::nearest(text, &names) {
        Some(near) => format!("no process has this name; did you mean {near}?"),
        None => format!("no process has this name; there are: {}", names.join(", ")),
    })
}

fn level(text: &str) -> Result<LogLevel, String> {
    let found = LogLevel::ALL.into_iter().find(|level| level.as_str() == text);
    found.ok_or_else(|| "it must be error, warn, info, debug or trace".into())
}

/// A duration, in seconds.
fn duration(text: &str) -> Result<u32, String> {
    let seconds = [("s", 1), ("m", 60), ("h", 3_600)].into_iter().find_map(|(unit, seconds)| {
        let number: u32 = text.strip_suffix(unit)?.parse().ok()?;
        number.checked_mul(seconds)
    });
    let allowed = seconds.filter(|seconds| (1..=LONGEST_LOG_LEVEL_S).contains(seconds));
    allowed.ok_or_else(|| "it must be a number and a unit, such as 90s, 10m or 1h, and at most an hour".into())
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_well_formed() {
        Args::command().debug_assert();
    }

    #[test]
    fn a_listener_is_found_by_its_name_and_by_that_of_its_dead_letter_queue() {
        for expected in LISTENERS {
            assert_eq!(listener(expected.name), Ok(expected));
            assert_eq!(listener(&format!("{}.dead", expected.name)), Ok(expected));
        }
        assert!(listener("users.login").unwrap_err().contains("users.on_order_created"));
        assert!(listener("users.on_order_create").unwrap_err().contains("did you mean users.on_order_created?"));
    }

    #[test]
    fn invalid_numbers_and_ids_are_rejected() {
        let error = |arguments: &str| {
            let arguments = ["signalbox", "dead"].into_iter().chain(arguments.split(' '));
            Args::try_parse_from(arguments).err().map(|error| error.to_string()).unwrap_or_default()
        };
        for text in ["0", "-1", "many", "4294967296"] {
            let said = error(&format!("show users.on_order_created --limit={text}"));
            assert!(said.contains("it must be a whole number from 1 to 4294967295"), "{said}");
        }
        for text in ["0", "1001", "2000000000", "1e3"] {
            let said = error(&format!("redrive users.on_order_created --rate={text}"));
            assert!(said.contains("it must be a whole number from 1 to 1000"), "{said}");
        }
        assert!(error("drop users.on_order_created --id=").contains("it must not be empty"));
        assert!(error("lits").contains("'list'"));
    }
    #[test]
    fn a_log_level_needs_a_known_process_and_lasts_an_hour_at_most() {
        assert_eq!([duration("90s"), duration("10m"), duration("1h")], [Ok(90), Ok(600), Ok(3_600)]);
        for text in ["", "10", "m", "0s", "61m", "2h", "-1m", "1.5h", "4294967295h", "10 m"] {
            assert!(duration(text).is_err(), "{text}");
        }
        assert_eq!([process("orders.create"), process("orders-create")], [Ok("orders.create"), Ok("orders.create")]);
        assert_eq!([process("gateway"), process("users.relay")], [Ok("gateway"), Ok("users.relay")]);
        assert!(process("orders.creat").unwrap_err().contains("did you mean orders.create?"));
        assert_eq!(level("debug"), Ok(LogLevel::Debug));
        assert!(level("loud").is_err() && level("off").is_err());
    }
}
