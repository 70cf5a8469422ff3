//! How any process of the system lives: it reads its settings, opens its log, works, and stops when asked.

mod lines;
pub mod log;
mod program;
mod settings;
mod start;
mod stop;

pub use program::{Program, VERSION};
pub use settings::{Section, SettingError, Settings, nearest};
pub use start::{StartError, exit_code};
pub use stop::Stop;
