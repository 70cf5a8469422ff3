//! What an operator sees: settings, migrations, the development stack, the command line.

mod bench;
mod cli;
mod command_line;
mod completeness;
mod compose;
mod configuration;
mod documents;
mod dotenv;
mod keda;
mod log_level;
mod migrate;
mod moving_over;
mod notify;
mod pooler;
mod readme;
mod scaffolding;
mod scaler;
mod settings;
mod systemd;
mod telemetry;
mod terminal;
mod top;
mod topology;
mod trace;
mod versions;
