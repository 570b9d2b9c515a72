use std::path::PathBuf;
use std::time::Duration;

use rustix::thread::{CpuSet, sched_setaffinity};
use rustix::time::{ClockId, Timespec, clock_gettime};

use crate::fault::Fault;

/// The CPU time of a process with all its threads, those that ended included, in steps of 10 ms.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Meter(pub(crate) u32);

impl Meter {
    pub(crate) fn read(self) -> Result<Duration, Fault> {
        let path = PathBuf::from(format!("/proc/{}/stat", self.0));
        let text = std::fs::read_to_string(&path).map_err(|error| Fault::file(&path, error))?;
        ticks(&text)
            .map(|ticks| Duration::from_millis(ticks * TICK))
            .ok_or_else(|| Fault::file(&path, "there are no times in it"))
    }
}

/// utime and stime (proc(5), fields 14 and 15); the name in parentheses may hold anything.
fn ticks(stat: &str) -> Option<u64> {
    let (_, fields) = stat.rsplit_once(')')?;
    let mut fields = fields.split_whitespace().skip(11);
    let (user, system): (u64, u64) = (fields.next()?.parse().ok()?, fields.next()?.parse().ok()?);
    Some(user + system)
}

/// The CPU time of this thread.
pub(crate) fn of_this_thread() -> Duration {
    duration(clock_gettime(ClockId::ThreadCPUTime))
}

/// The CPU time of this process.
pub(crate) fn of_this_process() -> Duration {
    duration(clock_gettime(ClockId::ProcessCPUTime))
}

fn duration(time: Timespec) -> Duration {
    Duration::new(u64::try_from(time.tv_sec).unwrap_or(0), u32::try_from(time.tv_nsec).unwrap_or(0))
}

/// Keeps this thread, and those it starts from now on, on one core.
pub(crate) fn pin(core: usize) -> Result<(), Fault> {
    let mut cores = CpuSet::new();
    cores.set(core);
    sched_setaffinity(None, &cores).map_err(|error| Fault::Machine(format!("core {core}: {error}")))
}

/// Linux tells these times in hundredths of a second on every machine that Daftar runs on (`USER_HZ`).
const TICK: u64 = 10;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_found_behind_any_name() {
        let stat = "7 (a) b) (c) S 1 2 3 4 5 6 7 8 9 10 120 34 0 0 20 0";
        assert_eq!(ticks(stat), Some(154));
        assert_eq!(ticks("nothing"), None);
    }

    #[test]
    fn this_process_has_a_time() {
        assert!(Meter(std::process::id()).read().is_ok());
        assert!(Meter(u32::MAX).read().is_err());
    }
}
