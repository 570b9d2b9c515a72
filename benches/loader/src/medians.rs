use std::collections::BTreeMap;
use std::io::BufRead as _;
use std::process::ExitCode;

use crate::enrolment::Mode;
use crate::fault::Fault;
use crate::operations::median;
use crate::report::Report;

/// Prints one line for each mode and place of the RA's key: the medians over its runs.
pub(crate) fn run() -> Result<ExitCode, Fault> {
    let mut by_mode: BTreeMap<(Mode, String), Vec<Report>> = BTreeMap::new();
    for line in std::io::stdin().lock().lines() {
        let line = line.map_err(Fault::machine)?;
        let report: Report = serde_json::from_str(&line).map_err(Fault::odd)?;
        by_mode.entry((report.mode, report.key.clone())).or_default().push(report);
    }
    println!(
        "| mode | key | runs | enrolments/s | server CPU us | sum us (floor) | ratio | p50 ms | p99 ms | server busy | CA + loader us | errors |"
    );
    println!("|---|---|---|---|---|---|---|---|---|---|---|---|");
    let mut errors = 0;
    for ((mode, key), reports) in &by_mode {
        let of = |pick: fn(&Report) -> f64| median(&reports.iter().map(pick).collect::<Vec<_>>());
        let wrong: usize = reports.iter().map(|report| report.errors).sum();
        errors += wrong;
        println!(
            "| {} | {key} | {} | {:.0} | {:.0} | {:.0} ({:.0}) | {:.2} | {:.1} | {:.1} | {:.0} % | {:.0} + {:.0} | {wrong} |",
            serde_json::to_value(mode).unwrap_or_default().as_str().unwrap_or_default(),
            reports.len(),
            of(|report| report.enrolments_per_second),
            of(|report| report.server_cpu.unwrap_or(f64::NAN)),
            of(|report| report.sum),
            of(|report| report.sum_floor),
            of(|report| report.ratio.unwrap_or(f64::NAN)),
            of(|report| report.p50 / 1e3),
            of(|report| report.p99 / 1e3),
            of(|report| report.server_busy.unwrap_or(f64::NAN) * 100.0),
            of(|report| report.authority_cpu.unwrap_or(f64::NAN)),
            of(|report| report.loader_cpu),
        );
    }
    Ok(if errors == 0 && !by_mode.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
