use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use crate::cost::{self, Meter};
use crate::door::{Door, KeyExchange};
use crate::enrolment::{Enrolment, Mode, Writer, random};
use crate::fault::Fault;
use crate::office::Office;
use crate::operations::{Needed, Operations, least, median, micros};
use crate::pace;
use crate::report::Report;

#[derive(clap::Args)]
pub(crate) struct Args {
    /// How enrolments are asked for.
    #[arg(long, value_enum)]
    mode: Mode,
    /// The office's demo.env.
    #[arg(long)]
    env: Option<PathBuf>,
    /// A KEY=value that comes before the one in demo.env; may be given several times.
    #[arg(long)]
    set: Vec<String>,
    /// How many enrolments are measured.
    #[arg(long, default_value_t = 2000)]
    count: usize,
    /// How many come before and are not measured.
    #[arg(long, default_value_t = 200)]
    warm: usize,
    /// How many requesters there are at a time.
    #[arg(long, default_value_t = 8)]
    clients: usize,
    /// An open loop instead of so many requesters: this many enrolments a second, timed from when each should have been sent.
    #[arg(long)]
    rate: Option<f64>,
    /// The longest time that is measured, in seconds.
    #[arg(long, default_value_t = 60)]
    longest: u64,
    /// The core to stay on.
    #[arg(long)]
    core: Option<usize>,
    /// The server, to read its CPU time.
    #[arg(long)]
    server_pid: Option<u32>,
    /// The CA, to read its CPU time.
    #[arg(long)]
    authority_pid: Option<u32>,
    /// Where the RA's key is, for the report.
    #[arg(long, default_value = "token")]
    key: String,
    /// The key exchange of TLS.
    #[arg(long, value_enum, default_value = "x25519")]
    exchange: KeyExchange,
    /// Prints the report as one line of JSON.
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(args: &Args) -> Result<ExitCode, Fault> {
    if let Some(core) = args.core {
        cost::pin(core)?;
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(Fault::machine)?;
    let report = runtime.block_on(measure(args))?;
    if args.json {
        println!("{}", serde_json::to_string(&report).map_err(Fault::machine)?);
    } else {
        report.print();
    }
    Ok(if report.errors == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

async fn measure(args: &Args) -> Result<Report, Fault> {
    let office = Office::load(args.env.as_deref(), &args.set)?;
    let door = Arc::new(Door::new(args.mode, args.exchange, &office)?);
    let mut work = prepare(args, &office).await?;
    let warm = work.split_off(args.count.min(work.len()));
    let mut operations = Operations::default();
    operations.measure(args.exchange)?;

    let longest = Duration::from_secs(args.longest);
    let warmed = pace::run(&door, warm, args.clients, longest).await;
    if let Some(error) = warmed.errors.first() {
        return Err(Fault::Odd(format!("warming up: {error}")));
    }
    tokio::time::sleep(SETTLE).await;
    let (server, authority) = (args.server_pid.map(Meter), args.authority_pid.map(Meter));
    let read = |meter: Option<Meter>| meter.map(Meter::read).transpose();
    let quiet = read(server)?;
    tokio::time::sleep(SETTLE).await;
    let (server_before, authority_before, own) = (read(server)?, read(authority)?, cost::of_this_process());
    let pace = match args.rate {
        None => pace::run(&door, work, args.clients, longest).await,
        Some(rate) => pace::run_open(&door, work, rate, longest).await,
    };
    let own = cost::of_this_process().saturating_sub(own);
    // What is put off, such as numbering the audit leaves, is paid for, too.
    tokio::time::sleep(SETTLE).await;
    let (server_after, authority_after) = (read(server)?, read(authority)?);
    operations.measure(args.exchange)?;

    let needed = Needed::by(args.mode);
    let sum = needed.sum(&operations, median);
    let enrolments = u32::try_from(pace.latencies.len()).map_err(Fault::machine)?;
    let each = |spent: Duration| micros(spent) / f64::from(enrolments.max(1));
    let between = |before: Option<Duration>, after: Option<Duration>| Some(after?.saturating_sub(before?));
    let server_cpu = between(server_before, server_after);
    let seconds = pace.elapsed.as_secs_f64();
    Ok(Report {
        mode: args.mode,
        key: args.key.clone(),
        requesters: args.clients,
        enrolments,
        errors: pace.errors.len(),
        first_error: pace.errors.first().cloned(),
        seconds,
        enrolments_per_second: f64::from(enrolments) / seconds,
        p50: micros(pace.percentile(50)),
        p99: micros(pace.percentile(99)),
        rate: args.rate,
        lateness_p99: args.rate.map(|_| micros(pace::within(&pace.lateness, 99))),
        handshakes: door.handshakes(),
        server_cpu: server_cpu.map(each),
        server_idle_cpu: between(quiet, server_before).map(|idle| micros(idle) / SETTLE.as_secs_f64()),
        server_busy: server_cpu.map(|spent| spent.as_secs_f64() / seconds),
        authority_cpu: between(authority_before, authority_after).map(each),
        loader_cpu: each(own),
        exchange: median(&operations.exchange),
        sign: median(&operations.sign),
        verify: median(&operations.verify),
        derive: median(&operations.derive),
        sum,
        sum_floor: needed.sum(&operations, least),
        ratio: server_cpu.map(|spent| each(spent) / sum),
    })
}

/// All requests, before any clock starts: each with a key, a subject, a transaction and nonces of its own.
async fn prepare(args: &Args, office: &Office) -> Result<Vec<Arc<Enrolment>>, Fault> {
    let writer = Writer::new(args.mode, office)?;
    let run = hex::encode(random::<4>()?);
    let mut work = Vec::with_capacity(args.count + args.warm);
    for number in 0..args.count + args.warm {
        work.push(Arc::new(writer.write(&format!("bench-{run}-{number}")).await?));
    }
    Ok(work)
}

/// Longer than the server puts anything off.
const SETTLE: Duration = Duration::from_millis(1500);
