//! What an operator sees: settings, migrations, the development stack, the command line.

mod cli;
mod command_line;
mod completeness;
mod compose;
mod dotenv;
mod migrate;
mod notify;
mod pooler;
mod readme;
mod scaffolding;
mod settings;
mod systemd;
mod topology;
mod versions;
