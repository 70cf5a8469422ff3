//! The report as a picture, an SVG: what a request costs and where, and how long it takes.

use std::fmt::Write;

use crate::results::StackReport;
use crate::summary::{GROUPS, Row, rows};

const COLOURS: [&str; GROUPS.len()] = ["#0b7285", "#1098ad", "#66d9e8", "#99e9f2", "#f08c00", "#868e96"];
const WIDTH: f64 = 900.0;
const LEFT: f64 = 190.0;
const BAR: f64 = 14.0;
const STEP: f64 = 22.0;
const SPACE: f64 = WIDTH - LEFT - 90.0;

pub(crate) fn svg(stack: &StackReport) -> String {
    let rows = rows(stack);
    let mut picture = Picture { text: String::new(), y: 0.0 };
    picture.costs(&rows);
    picture.latencies(&rows);
    let (height, text) = (picture.y + 20.0, picture.text);
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" font-family=\"sans-serif\" font-size=\"12\">\n\
         <rect width=\"{WIDTH}\" height=\"{height}\" fill=\"#fff\"/>\n{text}</svg>\n"
    )
}

struct Picture {
    text: String,
    /// Down to where it is drawn.
    y: f64,
}

impl Picture {
    /// A bar for each load, with a part for each group of processes.
    fn costs(&mut self, rows: &[Row<'_>]) {
        self.title("Processor time for each request, in µs");
        for (place, (group, colour)) in GROUPS.iter().zip(COLOURS).enumerate() {
            let x = LEFT + f64::from(u32::try_from(place).unwrap_or_default()) * 100.0;
            self.bar(x, 10.0, colour);
            self.label(x + 14.0, "start", group);
        }
        self.y += STEP;
        // Hashing a password takes a hundred times as long as everything else: it would leave the others no room.
        let shown: Vec<_> =
            rows.iter().filter(|row| row.first.rate.is_none() && row.first.endpoint != "login").collect();
        let longest = shown.iter().map(|row| row.cpu_us().iter().sum::<f64>()).fold(1.0, f64::max);
        for row in shown {
            self.label(LEFT - 8.0, "end", &named(row));
            let mut x = LEFT;
            for (us, colour) in row.cpu_us().iter().zip(COLOURS) {
                let width = us / longest * SPACE;
                self.bar(x, width, colour);
                x += width;
            }
            self.label(x + 6.0, "start", &format!("{:.0}", row.cpu_us().iter().sum::<f64>()));
            self.y += STEP;
        }
    }

    /// From the median to the 99th percentile, on a logarithmic scale.
    fn latencies(&mut self, rows: &[Row<'_>]) {
        self.title("Latency in ms: from the median to the 99th percentile");
        let highest = rows.iter().map(|row| row.latency().p99_ms).fold(1.0, f64::max);
        let (low, high) = (-1.0, highest.log10().ceil());
        let at = |ms: f64| LEFT + (ms.log10().max(low) - low) / (high - low) * SPACE;
        let mut mark = 0.1;
        while mark <= 10_f64.powf(high) * 1.01 {
            self.label(at(mark), "middle", &format!("{mark}"));
            let _ = writeln!(
                self.text,
                "<path d=\"M{x:.1} {top:.1}V{bottom:.1}\" stroke=\"#dee2e6\"/>",
                x = at(mark),
                top = self.y + BAR + 4.0,
                bottom = self.y + STEP * (1.0 + f64::from(u32::try_from(rows.len()).unwrap_or_default())),
            );
            mark *= 10.0;
        }
        self.y += STEP;
        for row in rows.iter().filter(|row| row.latency().p50_ms > 0.0) {
            self.label(LEFT - 8.0, "end", &named(row));
            let latency = row.latency();
            let (from, to) = (at(latency.p50_ms), at(latency.p99_ms));
            self.bar(from, (to - from).max(2.0), if row.first.rate.is_some() { COLOURS[4] } else { COLOURS[1] });
            self.label(to + 6.0, "start", &format!("{:.1} – {:.1}", latency.p50_ms, latency.p99_ms));
            self.y += STEP;
        }
    }

    fn title(&mut self, text: &str) {
        self.y += 20.0;
        let _ = writeln!(self.text, "<text x=\"16\" y=\"{:.1}\" font-size=\"15\">{text}</text>", self.y);
        self.y += 14.0;
    }

    fn bar(&mut self, x: f64, width: f64, colour: &str) {
        let y = self.y;
        let _ = writeln!(
            self.text,
            "<rect x=\"{x:.1}\" y=\"{y:.1}\" width=\"{width:.1}\" height=\"{BAR}\" fill=\"{colour}\"/>"
        );
    }

    fn label(&mut self, x: f64, anchor: &str, text: &str) {
        let y = self.y + BAR - 3.0;
        let _ = writeln!(self.text, "<text x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"{anchor}\">{text}</text>");
    }
}

fn named(row: &Row<'_>) -> String {
    let first = row.first;
    match first.rate {
        Some(rate) => format!("{}, open loop, {rate}/s", first.endpoint),
        None => format!("{}, {} connections", first.endpoint, first.connections),
    }
}
