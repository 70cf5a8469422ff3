//! The command line.

use std::num::NonZeroU32;

use clap::{Parser, Subcommand};
use contracts::{LISTENERS, Subscription};

const AFTER_HELP: &str = "\
Where the broker and the databases are is read from AMQP_URL, USERS_DATABASE_URL
and ORDERS_DATABASE_URL, the delays of retries from EVENTS_RETRY_MS:
docs/configuration.md describes them.

Examples:
  bus dead list
  bus dead show users.on_order_created --limit 5
  bus dead redrive users.on_order_created --rate 50
  bus topology check --json
  bus why 0190b7a4-5a1c-7c00-8000-000000000000

Exit codes:
  0   all is well, or what was asked for is done
  1   it is not: something is dead, missing, different, unknown, or not done
  64  an argument or a setting is wrong
  69  the broker or a database cannot be reached or used
  74  what is to be shown cannot be written
  77  the broker or a database does not let this account do it";

/// The operator's tool: dead messages, the broker's topology, what happened to an order
#[derive(Parser)]
#[command(name = "bus", version = process::VERSION, after_help = AFTER_HELP, max_term_width = 80)]
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
    /// Which rights each process needs at the broker, worked out from what it does there
    ///
    /// With --json in the form that RabbitMQ imports, for the vhost of AMQP_URL: add the `users`, with their passwords,
    /// and send it to `POST /api/definitions` of the management API. Asks no broker.
    Accounts,
    /// What happened to something: its row, its events, who has heard them
    ///
    /// Exit code 1 if nothing is known of it. Shows no address and no content.
    Why {
        /// Of an order, a request, an event or a user
        id: String,
    },
}

#[derive(Subcommand)]
pub(crate) enum Dead {
    /// How many each listener has
    List,
    /// Why they are there; leaves them in place
    Show {
        /// The listener, such as users.on_order_created
        #[arg(value_name = "QUEUE", value_parser = listener)]
        listener: Subscription,
        /// The first so many
        #[arg(long, default_value = "20")]
        limit: NonZeroU32,
        /// Shows what is in them, too: it may be personal data
        #[arg(long)]
        body: bool,
    },
    /// Gives them back to their listener, for a fresh start
    Redrive {
        /// The listener, such as users.on_order_created
        #[arg(value_name = "QUEUE", value_parser = listener)]
        listener: Subscription,
        #[command(flatten)]
        which: Which,
        /// So many each second at most
        #[arg(long, value_name = "PER_SECOND")]
        rate: Option<NonZeroU32>,
        /// Says what would be done, and does nothing
        #[arg(long)]
        dry_run: bool,
    },
    /// Removes them for good
    Drop {
        /// The listener, such as users.on_order_created
        #[arg(value_name = "QUEUE", value_parser = listener)]
        listener: Subscription,
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
    #[arg(long = "id", value_name = "UUID")]
    pub(crate) ids: Vec<String>,
    /// The first so many
    #[arg(long)]
    pub(crate) limit: Option<NonZeroU32>,
}

#[derive(Subcommand)]
pub(crate) enum Topology {
    /// Compares; changes nothing
    Check,
    /// Makes what is missing; does not touch what differs
    Apply,
}

/// A listener by its name, or by that of its dead queue.
fn listener(text: &str) -> Result<Subscription, String> {
    let name = text.strip_suffix(".dead").unwrap_or(text);
    LISTENERS.into_iter().find(|listener| listener.name == name).ok_or_else(|| {
        let names: Vec<_> = LISTENERS.iter().map(|listener| listener.name).collect();
        format!("no listener has this name; there are: {}", names.join(", "))
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
    }
}
