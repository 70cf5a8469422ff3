//! The command line.

use clap::{Parser, Subcommand};
use clap_complete::Shell;
use contracts::{LISTENERS, SubscriptionInfo};

const AFTER_HELP: &str = "\
Where the broker and the databases are is read from AMQP_URL, USERS_DATABASE_URL
and ORDERS_DATABASE_URL, the delays of retries from EVENTS_RETRY_MS:
docs/configuration.md describes them.

Examples:
  signalbox dead list
  signalbox dead show users.on_order_created --limit 5
  signalbox dead redrive users.on_order_created --rate 50
  signalbox topology check --json
  signalbox why 0190b7a4-5a1c-7c00-8000-000000000000

Exit codes:
  0   all is well, or what was asked for is done
  1   it is not: something is dead, missing, different, unknown, or not done
  64  an argument or a setting is wrong
  69  the broker or a database cannot be reached or used
  74  what is to be shown cannot be written
  77  the broker or a database does not let this account do it";

/// What the program is called.
pub(crate) const NAME: &str = "signalbox";

/// The operator's tool: dead messages, the broker's topology, what happened to an order
#[derive(Parser)]
#[command(name = NAME, version = runtime::VERSION, after_help = AFTER_HELP, max_term_width = 80)]
pub(crate) struct Args {
    /// Writes JSON
    #[arg(long, global = true)]
    pub(crate) json: bool,
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Events that a listener could not handle
    Dead {
        #[command(subcommand)]
        command: Dead,
    },
    /// What the code declares and what the broker has
    Topology {
        #[command(subcommand)]
        command: Topology,
    },
    /// Which rights each process needs at the broker, worked out from what it does there; and the queues' policies
    ///
    /// For people: a long expression goes on in the next line, behind a `|`. With --json in the form that RabbitMQ
    /// imports, for the vhost of AMQP_URL: add the `users`, with their passwords, and send it to `POST /api/definitions`
    /// of the management API. Asks no broker.
    Accounts,
    /// What happened to something: its row, its events, who has heard them
    ///
    /// Exit code 1 if nothing is known of it. Shows no address and no content.
    #[command(after_help = "Example:\n  signalbox why 0190b7a4-5a1c-7c00-8000-000000000000")]
    Why {
        /// Of an order, a request, an event or a user
        id: String,
    },
    /// How it stands with relays, databases, patterns and listeners just now
    #[command(after_help = "Example, for a monitor:\n  signalbox status --check --json")]
    Status {
        /// Exits with 1 if anything is not as it should be
        #[arg(long)]
        check: bool,
    },
    /// Writes a script that completes this command line
    #[command(after_help = "Example:\n  signalbox completions bash > /etc/bash_completion.d/signalbox")]
    Completions {
        /// For which shell
        shell: Shell,
    },
    /// Writes the manual page
    #[command(after_help = "Example:\n  signalbox man > ~/.local/share/man/man1/signalbox.1")]
    Man,
}

#[derive(Subcommand)]
pub(crate) enum Dead {
    /// How many each listener has
    #[command(after_help = "Example, for cron, which mails what a command says:\n  signalbox dead list --check")]
    List {
        /// Shows only listeners that have some, and exits with 1 if there is one
        #[arg(long)]
        check: bool,
    },
    /// Why they are there; leaves them in place
    #[command(after_help = "Example:\n  signalbox dead show users.on_order_created --limit 5")]
    Show {
        /// The listener, such as users.on_order_created
        #[arg(value_name = "QUEUE", value_parser = listener)]
        listener: SubscriptionInfo,
        /// The first so many
        #[arg(long, default_value = "20", value_parser = at_least_one)]
        limit: u32,
        /// Shows what is in them, too: it may be personal data
        #[arg(long)]
        body: bool,
    },
    /// Gives them back to their listener, for a fresh start
    #[command(after_help = "Example:\n  signalbox dead redrive users.on_order_created --rate 50 --dry-run")]
    Redrive {
        /// The listener, such as users.on_order_created
        #[arg(value_name = "QUEUE", value_parser = listener)]
        listener: SubscriptionInfo,
        #[command(flatten)]
        which: Which,
        /// So many each second at most, from 1 to 1000
        #[arg(long, value_name = "PER_SECOND", value_parser = rate)]
        rate: Option<u32>,
        /// Says what would be done, and does nothing
        #[arg(long)]
        dry_run: bool,
    },
    /// Removes them for good: shows which, and asks
    #[command(after_help = "Example:\n  signalbox dead drop users.on_order_created --limit 1")]
    Drop {
        /// The listener, such as users.on_order_created
        #[arg(value_name = "QUEUE", value_parser = listener)]
        listener: SubscriptionInfo,
        #[command(flatten)]
        which: Which,
        /// Does not ask
        #[arg(long)]
        yes: bool,
    },
}

/// Which of the dead messages; all of them if nothing is said.
#[derive(clap::Args)]
pub(crate) struct Which {
    /// Only those with this message id; may be given several times
    #[arg(long = "id", value_name = "UUID", value_parser = message_id)]
    pub(crate) ids: Vec<String>,
    /// The first so many
    #[arg(long, conflicts_with = "ids", value_parser = at_least_one)]
    pub(crate) limit: Option<u32>,
}

#[derive(Subcommand)]
pub(crate) enum Topology {
    /// Compares; changes nothing
    Check,
    /// Makes what is missing, sets policies, renews request queues of older releases
    ///
    /// Policies take AMQP_MANAGEMENT_URL and a user with the tag policymaker; without, they are left to whoever imports
    /// what `signalbox accounts --json` prints. Any other queue that differs is not touched.
    Apply,
}

fn at_least_one(text: &str) -> Result<u32, String> {
    match text.parse() {
        Ok(0) | Err(_) => Err(format!("it must be a whole number from 1 to {}", u32::MAX)),
        Ok(number) => Ok(number),
    }
}

/// Faster than a beat of the clock nothing can be kept to.
fn rate(text: &str) -> Result<u32, String> {
    let number = text.parse().ok().filter(|number| (1..=1_000).contains(number));
    number.ok_or_else(|| "it must be a whole number from 1 to 1000; leave it out for no limit".into())
}

/// An empty one would be that of all messages without an id.
fn message_id(text: &str) -> Result<String, String> {
    if text.trim().is_empty() { Err("it must not be empty".into()) } else { Ok(text.into()) }
}

/// A listener by its name, or by that of its dead queue.
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

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_well_formed() {
        Args::command().debug_assert();
    }

    #[test]
    fn a_listener_is_found_by_its_name_and_by_that_of_its_dead_queue() {
        for listening in LISTENERS {
            assert_eq!(listener(listening.name), Ok(listening));
            assert_eq!(listener(&format!("{}.dead", listening.name)), Ok(listening));
        }
        assert!(listener("users.login").unwrap_err().contains("users.on_order_created"));
        assert!(listener("users.on_order_create").unwrap_err().contains("did you mean users.on_order_created?"));
    }

    #[test]
    fn numbers_and_ids_that_cannot_be_meant_are_refused() {
        let refused = |arguments: &str| {
            let arguments = ["signalbox", "dead"].into_iter().chain(arguments.split(' '));
            Args::try_parse_from(arguments).err().map(|error| error.to_string()).unwrap_or_default()
        };
        for text in ["0", "-1", "many", "4294967296"] {
            let said = refused(&format!("show users.on_order_created --limit={text}"));
            assert!(said.contains("it must be a whole number from 1 to 4294967295"), "{said}");
        }
        for text in ["0", "1001", "2000000000", "1e3"] {
            let said = refused(&format!("redrive users.on_order_created --rate={text}"));
            assert!(said.contains("it must be a whole number from 1 to 1000"), "{said}");
        }
        assert!(refused("drop users.on_order_created --id=").contains("it must not be empty"));
        assert!(refused("lits").contains("'list'"));
    }
}
