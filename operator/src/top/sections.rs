//! The view as tables of 80 columns: a section each for the gateway, patterns, listeners and relays, and for the instances of
//! one row.

use std::cmp::Ordering;
use std::fmt;

use anstyle::{AnsiColor, Style};

use crate::print::harmless;
use crate::top::view::{HttpRow, Instance, Processes, Quantiles, View};

/// The order of rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sort {
    Name,
    Rate,
    Latency,
    Waiting,
    Errors,
}

/// The width of the narrowest terminal.
const WIDTH: usize = 80;

/// The name and width of a column. The first is left-aligned, the others right-aligned.
type Column = (&'static str, usize);

const GATEWAY: &[Column] = &[
    ("GATEWAY", 22),
    ("COPIES", 7),
    ("REQ/S", 8),
    ("P50", 7),
    ("P99", 7),
    ("2XX/S", 8),
    ("4XX/S", 8),
    ("5XX/S", 8),
    ("BUSY", 5),
];
const PATTERNS: &[Column] = &[
    ("PATTERN", 22),
    ("COPIES", 7),
    ("REQ/S", 6),
    ("P50", 7),
    ("P99", 7),
    ("WAIT50", 7),
    ("WAIT99", 7),
    ("QUEUE", 6),
    ("BUSY", 5),
    ("ERR/S", 6),
];
const LISTENERS: &[Column] = &[
    ("LISTENER", 27),
    ("COPIES", 7),
    ("APPLIED/S", 10),
    ("P50", 7),
    ("P99", 7),
    ("QUEUE", 7),
    ("RETRYING", 9),
    ("DEAD", 6),
];
const RELAYS: &[Column] = &[
    ("RELAY", 22),
    ("COPIES", 7),
    ("LEADER", 7),
    ("STANDBY", 8),
    ("PUBLISHED/S", 12),
    ("UNPUBLISHED", 12),
    ("OLDEST", 9),
];
const INSTANCES: &[Column] =
    &[("HOST", 20), ("PID", 9), ("VERSION", 20), ("UPTIME", 8), ("BUSY", 5), ("MEMORY", 9), ("RATE/S", 8)];
const ROUTES: &[Column] =
    &[("ROUTE", 22), ("REQ/S", 8), ("P50", 8), ("P99", 8), ("2XX/S", 8), ("4XX/S", 8), ("5XX/S", 8)];

/// A cell of a row.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Cell {
    text: String,
    alarm: bool,
}

/// A row.
#[derive(Debug, Clone)]
pub(super) struct Row {
    /// The name by which it is selected; empty if it cannot be.
    pub(super) name: String,
    cells: Vec<Cell>,
}

/// A table.
#[derive(Debug, Clone)]
pub(super) struct Section {
    columns: &'static [Column],
    pub(super) rows: Vec<Row>,
}

impl Cell {
    fn of(text: impl Into<String>) -> Self {
        Self { text: text.into(), alarm: false }
    }

    fn number(number: Option<impl fmt::Display>) -> Self {
        Self::of(number.map_or_else(|| "–".into(), |number| number.to_string()))
    }

    fn alarm_if(self, alarm: bool) -> Self {
        Self { alarm, ..self }
    }
}

impl Section {
    /// The line of its column names.
    pub(super) fn head(&self) -> String {
        let texts = self.columns.iter().map(|(name, _)| *name);
        self.columns.iter().zip(texts).enumerate().map(|(n, ((_, width), text))| padded(n, text, *width)).collect()
    }

    /// The padded cells of a row, and whether each is an alarm. A single cell spans the whole row.
    pub(super) fn pieces<'r>(&self, row: &'r Row) -> impl Iterator<Item = (String, bool)> + use<'r> {
        let all = if row.cells.len() == 1 { WIDTH } else { 0 };
        let widths = self.columns.iter().map(move |(_, width)| all.max(*width));
        row.cells.iter().zip(widths).enumerate().map(|(n, (cell, width))| (padded(n, &cell.text, width), cell.alarm))
    }
}

/// Aligns a text in its column. Cuts it if it is too long, so that the columns stay aligned.
fn padded(column: usize, text: &str, width: usize) -> String {
    let text: String = text.chars().take(width - 1).collect();
    if column == 0 { format!("{text:width$}") } else { format!("{text:>width$}") }
}

/// All sections of the overview.
pub(super) fn overview(view: &View, sort: Sort) -> Vec<Section> {
    vec![gateway(view), patterns(view, sort), listeners(view, sort), relays(view)]
}

fn gateway(view: &View) -> Section {
    let row = &view.gateway;
    let mut cells = vec![Cell::of("gateway"), copies(&row.processes)];
    cells.extend(http(&row.all));
    cells.push(Cell::number(Some(row.processes.in_flight)));
    Section { columns: GATEWAY, rows: vec![Row { name: "gateway".into(), cells }] }
}

fn patterns(view: &View, sort: Sort) -> Section {
    let mut rows: Vec<_> = view.patterns.iter().collect();
    rows.sort_by(|a, b| match sort {
        Sort::Name => a.pattern.cmp(b.pattern),
        Sort::Rate => descending(a.rate_per_second, b.rate_per_second),
        Sort::Latency => descending(p99(a.handling_ms), p99(b.handling_ms)),
        Sort::Waiting => b.waiting.cmp(&a.waiting),
        Sort::Errors => descending(a.errors_per_second, b.errors_per_second),
    });
    let rows = rows.into_iter().map(|row| {
        let cells = vec![
            Cell::of(row.pattern),
            copies(&row.processes),
            rate(row.rate_per_second),
            quantile(row.handling_ms.map(|it| it.p50)),
            quantile(row.handling_ms.map(|it| it.p99)),
            quantile(row.queue_wait_ms.map(|it| it.p50)),
            quantile(row.queue_wait_ms.map(|it| it.p99)),
            Cell::number(row.waiting),
            Cell::number(Some(row.processes.in_flight)),
            rate(row.errors_per_second).alarm_if(row.errors_per_second > 0.0),
        ];
        Row { name: row.pattern.into(), cells }
    });
    Section { columns: PATTERNS, rows: rows.collect() }
}

fn listeners(view: &View, sort: Sort) -> Section {
    let mut rows: Vec<_> = view.listeners.iter().collect();
    rows.sort_by(|a, b| match sort {
        Sort::Name => a.listener.cmp(b.listener),
        Sort::Rate => descending(a.applied_per_second, b.applied_per_second),
        Sort::Latency => descending(p99(a.handling_ms), p99(b.handling_ms)),
        Sort::Waiting => b.waiting.cmp(&a.waiting),
        Sort::Errors => (b.dead, b.retrying).cmp(&(a.dead, a.retrying)),
    });
    let rows = rows.into_iter().map(|row| {
        let cells = vec![
            Cell::of(row.listener),
            copies(&row.processes),
            rate(row.applied_per_second),
            quantile(row.handling_ms.map(|it| it.p50)),
            quantile(row.handling_ms.map(|it| it.p99)),
            Cell::number(row.waiting),
            Cell::number(row.retrying),
            Cell::number(row.dead).alarm_if(row.dead.unwrap_or_default() > 0),
        ];
        Row { name: row.listener.into(), cells }
    });
    Section { columns: LISTENERS, rows: rows.collect() }
}

fn relays(view: &View) -> Section {
    let rows = view.relays.iter().map(|row| {
        let cells = vec![
            Cell::of(row.relay),
            copies(&row.processes),
            Cell::of(if row.leader { "yes" } else { "no" }).alarm_if(!row.leader),
            Cell::number(Some(row.standby)),
            rate(row.published_per_second),
            Cell::number(row.unpublished),
            Cell::number(row.oldest_unpublished_s.map(|age| format!("{age:.0} s"))),
        ];
        Row { name: row.relay.into(), cells }
    });
    Section { columns: RELAYS, rows: rows.collect() }
}

/// The instances of one row, and the gateway's requests by pattern.
pub(super) fn detail(view: &View, name: &str) -> Vec<Section> {
    let Some((_, processes)) = view.processes().find(|(it, _)| *it == name) else { return Vec::new() };
    let instances = Section { columns: INSTANCES, rows: processes.instances.iter().flat_map(instance).collect() };
    let mut sections = vec![instances];
    if name == "gateway" {
        let rows = view.gateway.routes.iter().map(|(pattern, row)| {
            let cells = [Cell::of(harmless(pattern))].into_iter().chain(http(row)).collect();
            Row { name: String::new(), cells }
        });
        sections.push(Section { columns: ROUTES, rows: rows.collect() });
    }
    sections
}

/// What identifies it on its host; then its id, as `signalbox log-level --instance` takes it.
fn instance(it: &Instance) -> [Row; 2] {
    let told = |text: &Option<String>| Cell::number(text.as_deref().map(harmless));
    let cells = vec![
        told(&it.host),
        Cell::number(it.pid),
        told(&it.version),
        Cell::number(it.uptime_s.map(age)),
        Cell::number(Some(it.in_flight)),
        Cell::number(it.memory_bytes.map(mebibytes)),
        rate(it.rate_per_second),
    ];
    let paused = it.paused_because.map(|reason| format!("  paused: {reason:?}").to_lowercase());
    let id = Cell::of(format!("  {}{}", it.id, paused.unwrap_or_default()));
    [Row { name: String::new(), cells }, Row { name: String::new(), cells: vec![id] }]
}

fn copies(processes: &Processes) -> Cell {
    let Processes { copies, unresponsive, .. } = processes;
    match unresponsive {
        0 => Cell::of(copies.to_string()).alarm_if(*copies == 0),
        silent => Cell::of(format!("{copies}+{silent}?")).alarm_if(true),
    }
}

fn http(row: &HttpRow) -> impl Iterator<Item = Cell> {
    let status = |class: &str| row.statuses.get(class).copied().unwrap_or_default();
    let failed = status("5xx");
    let durations = [row.duration_ms.map(|it| it.p50), row.duration_ms.map(|it| it.p99)].map(quantile);
    let statuses = [rate(status("2xx")), rate(status("4xx")), rate(failed).alarm_if(failed > 0.0)];
    [rate(row.rate_per_second)].into_iter().chain(durations).chain(statuses)
}

fn rate(per_second: f64) -> Cell {
    Cell::of(if per_second == 0.0 {
        "0".to_owned()
    } else if per_second < 100.0 {
        format!("{per_second:.1}")
    } else {
        format!("{per_second:.0}")
    })
}

fn quantile(millis: Option<f64>) -> Cell {
    Cell::number(millis.map(|millis| match millis {
        ..10.0 => format!("{millis:.1}ms"),
        ..1_000.0 => format!("{millis:.0}ms"),
        _ => format!("{:.1}s", millis / 1e3),
    }))
}

fn age(seconds: i64) -> String {
    match seconds {
        ..60 => format!("{seconds}s"),
        60..3_600 => format!("{}m{:02}s", seconds / 60, seconds % 60),
        3_600..86_400 => format!("{}h{:02}m", seconds / 3_600, seconds / 60 % 60),
        _ => format!("{}d{:02}h", seconds / 86_400, seconds / 3_600 % 24),
    }
}

fn mebibytes(bytes: u64) -> String {
    format!("{}.{} MiB", bytes >> 20, ((bytes & 0xf_ffff) * 10) >> 20)
}

fn p99(quantiles: Option<Quantiles>) -> f64 {
    quantiles.map_or(-1.0, |it| it.p99)
}

/// Descending.
fn descending(a: f64, b: f64) -> Ordering {
    b.total_cmp(&a)
}

/// The overview, for `--once`.
impl fmt::Display for View {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (bold, alarm) = (Style::new().bold(), AnsiColor::Red.on_default().bold());
        for (n, section) in overview(self, Sort::Name).iter().enumerate() {
            let gap = if n == 0 { "" } else { "\n" };
            writeln!(f, "{gap}{bold}{}{bold:#}", section.head())?;
            for row in &section.rows {
                for (text, is_alarm) in section.pieces(row) {
                    let style = if is_alarm { alarm } else { Style::new() };
                    write!(f, "{style}{text}{style:#}")?;
                }
                writeln!(f)?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_table_fits_80_columns_and_every_name_its_column() {
        for columns in [GATEWAY, PATTERNS, LISTENERS, RELAYS, INSTANCES, ROUTES] {
            assert!(columns.iter().map(|(_, width)| width).sum::<usize>() <= WIDTH, "{columns:?}");
            assert!(columns.iter().all(|(name, width)| name.len() < *width), "{columns:?}");
        }
        assert!(contracts::PATTERNS.iter().all(|name| name.len() < PATTERNS[0].1 && name.len() < ROUTES[0].1));
        assert!(contracts::LISTENERS.iter().all(|it| it.name.len() < LISTENERS[0].1));
    }

    #[test]
    fn numbers_have_readable_units() {
        let texts = [Some(0.42), Some(12.3), Some(1_250.0), None].map(|millis| quantile(millis).text);
        assert_eq!(texts, ["0.4ms", "12ms", "1.2s", "–"]);
        assert_eq!([0.0, 0.25, 99.94, 1_234.5].map(|it| rate(it).text), ["0", "0.2", "99.9", "1234"]);
        assert_eq!([59, 61, 3_661, 90_000].map(age), ["59s", "1m01s", "1h01m", "1d01h"]);
        assert_eq!(mebibytes(5 * (1 << 20) + (1 << 19)), "5.5 MiB");
    }

    #[test]
    fn columns_stay_aligned_whatever_their_content() {
        assert_eq!(padded(0, "orders.get", 12), "orders.get  ");
        assert_eq!(padded(1, "12", 5), "   12");
        assert_eq!(padded(1, "123456789", 5), " 1234");
    }
}
