//! Kills the server in the middle of its work, again and again, and looks whether it kept its promises: no acknowledged
//! certificate is lost, the CA issues for no case twice, every case ends.

mod audit;
mod book;
mod house;
mod plan;
mod promises;
mod requester;
mod verdict;

use std::collections::{BTreeMap, HashSet};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use demo_ca::{Clock, system_clock};
use tokio::sync::watch;
use tokio::task::JoinSet;

use self::book::Book;
use self::house::House;
use self::plan::{Ending, MIN_LIFE, POINTS, Plan};
use self::promises::Promises;
use self::requester::Requester;
use self::verdict::Tally;
use crate::door::{Door, KeyExchange};
use crate::enrolment::{Mode, Writer, random};
use crate::fault::Fault;
use crate::office::Office;

#[derive(clap::Args)]
pub(crate) struct Args {
    /// The daftar program.
    #[arg(long)]
    daftar: PathBuf,
    /// A demo office that is prepared and not running.
    #[arg(long)]
    dir: PathBuf,
    /// Its demo.env, kept from when it ran.
    #[arg(long)]
    env: PathBuf,
    /// How often the server is killed.
    #[arg(long, default_value_t = 20)]
    kills: u32,
    /// How often it is ended at each of its points.
    #[arg(long, default_value_t = 0)]
    failpoints: u32,
    /// What the plan of kills is drawn from; a random one is told.
    #[arg(long)]
    seed: Option<u64>,
    /// The first ending of the plan that is done.
    #[arg(long, default_value_t = 1)]
    from: u32,
    /// How many requesters are at work.
    #[arg(long, default_value_t = 16)]
    clients: u32,
    /// How late the CA answers, so that cases stand between their two commits.
    #[arg(long, default_value_t = 35)]
    delay_ms: u64,
    /// How long all cases may take to end after the last kill, in seconds.
    #[arg(long, default_value_t = 30)]
    grace: u64,
}

/// What was found right after a kill.
struct Kill {
    /// The keys of the cases whose request was recorded and whose answer was not, and that was not so at the kill before.
    between: HashSet<Vec<u8>>,
    /// When the server was ready again, UTC milliseconds.
    ready_at: i64,
}

/// What came of the endings of one kind.
#[derive(Default)]
struct Row {
    endings: u32,
    between: usize,
    lost: usize,
}

pub(crate) fn run(args: Args) -> Result<ExitCode, Fault> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    runtime.map_err(Fault::machine)?.block_on(try_all(args))
}

async fn try_all(args: Args) -> Result<ExitCode, Fault> {
    let office = Office::load(Some(&args.env), &[])?;
    let clock = system_clock();
    let mut tally = Tally::default();
    let mut house = House::open(&args.daftar, &args.dir, &office, args.delay_ms).await?;
    println!("ready after {:.1} s", house.start().await?.as_secs_f64());

    let promises = Arc::new(Promises::default());
    let (stop, stopped) = watch::channel(false);
    let mut requesters = JoinSet::new();
    for number in 0..args.clients {
        let requester = requester(number, &office, &promises, stopped.clone())?;
        requesters.spawn(requester.work());
    }
    let kills = kill_all(&args, &mut house, &promises, clock.as_ref(), &mut tally).await?;
    stop.send_replace(true);
    ends(&args, &house, &mut tally).await?;
    while let Some(done) = requesters.join_next().await {
        done.map_err(Fault::machine)??;
    }
    ended_well(&house, &mut tally)?;
    repeats(&office, &promises, &mut tally).await?;
    requesters_are_content(&promises, &mut tally);
    verdict::authority(&house, &promises, &kills, &mut tally).await?;
    house.listed(&mut tally).await?;
    house.stops(&mut tally).await?;
    audit::check(&house.book()?.lines()?, &mut tally);
    house.verified(&mut tally).await?;
    house.calm(office.value("EST_PASSWORD")?, &mut tally)?;
    Ok(tally.close())
}

/// Most speak EST, the others CMP of both kinds.
fn requester(
    number: u32,
    office: &Office,
    promises: &Arc<Promises>,
    stopped: watch::Receiver<bool>,
) -> Result<Requester, Fault> {
    let mode = match number % 8 {
        5 => Mode::EstMtls,
        6 => Mode::Cmp,
        7 => Mode::CmpMac,
        _ => Mode::Est,
    };
    Ok(Requester {
        mode,
        name: format!("kill-{}-{number}", hex::encode(random::<4>()?)),
        door: Door::new(mode, KeyExchange::X25519, office)?,
        writer: Writer::new(mode, office)?,
        promises: Arc::clone(promises),
        stopped,
    })
}

async fn kill_all(
    args: &Args,
    house: &mut House,
    promises: &Promises,
    clock: &Clock,
    tally: &mut Tally,
) -> Result<Vec<Kill>, Fault> {
    let mut kills: Vec<Kill> = Vec::new();
    let mut stuck = HashSet::new();
    let mut lost = Vec::new();
    let mut slowest = Duration::ZERO;
    let seed = match args.seed {
        Some(seed) => seed,
        None => u64::from_be_bytes(random()?) >> 32,
    };
    let plan = Plan { kills: args.kills, failpoints: args.failpoints, seed, from: args.from };
    println!("the plan: SEED={seed}, FROM={} of {}", args.from, plan.endings().count());
    let mut missed = Vec::new();
    let mut table: BTreeMap<&str, Row> = BTreeMap::new();
    for (number, ending) in plan.endings() {
        let name = match ending {
            Ending::After(life) => {
                tokio::time::sleep(life).await;
                house.kill().await?;
                "kill -9"
            }
            Ending::At(point, count) => {
                house.kill().await?;
                let mut tries = 1;
                while !house.end_at(point, count).await? {
                    if tries == TRIES {
                        missed.push(format!("{number} {point}:{count}"));
                        break;
                    }
                    tries += 1;
                    // Nothing may have stood there for it, such as a submission to claim: new work brings some.
                    house.start().await?;
                    tokio::time::sleep(MIN_LIFE).await;
                    house.kill().await?;
                }
                point
            }
        };
        let given = promises.hashes();
        let book = house.book()?;
        let (standing, known) = (book.between_commits()?, book.certificates()?);
        let between: HashSet<_> = standing.difference(&stuck).cloned().collect();
        let missing = given.iter().filter(|hash| !known.contains(*hash)).count();
        if missing > 0 {
            lost.push(format!("{number} {name}: {missing}"));
        }
        let ready = house.start().await?;
        slowest = slowest.max(ready);
        let row = table.entry(name).or_default();
        row.endings += 1;
        row.between += between.len();
        row.lost += missing;
        println!(
            "{number} {name}: {} cases stood between the two commits, and {} since the kill before; {} certificates were promised, {missing} of them lost; ready again after {:.1} s",
            between.len(),
            standing.len() - between.len(),
            given.len(),
            ready.as_secs_f64()
        );
        kills.push(Kill { between, ready_at: clock().0 });
        stuck = standing;
    }
    tokio::time::sleep(MIN_LIFE).await;
    println!("{:<16} {:>7} {:>17} {:>17}", "ended by", "times", "between commits", "lost certificates");
    for (name, row) in &table {
        println!("{name:<16} {:>7} {:>17} {:>17}", row.endings, row.between, row.lost);
    }
    if args.failpoints > 0 {
        tally.check("each point was reached and ended the server", || {
            none(&missed).map(|_| format!("{} points", POINTS.len()))
        });
    }
    tally.check("no certificate that a requester had is missing right after a kill", || none(&lost));
    let telling = u32::try_from(kills.iter().filter(|kill| !kill.between.is_empty()).count()).unwrap_or(u32::MAX);
    let least = LEAST_TELLING.min(args.kills.div_ceil(2));
    tally.check("enough kills hit cases between their two commits", || {
        if telling >= least {
            Ok(format!("{telling} of {}", kills.len()))
        } else {
            Err(format!("{telling}, wanted {least}"))
        }
    });
    tally.check("the server is back within 2 s of each kill", || {
        let seconds = format!("at most {:.1} s", slowest.as_secs_f64());
        if slowest < LONGEST_START { Ok(seconds) } else { Err(seconds) }
    });
    Ok(kills)
}

/// All cases end by themselves and soon, whether somebody comes back for them or not.
async fn ends(args: &Args, house: &House, tally: &mut Tally) -> Result<(), Fault> {
    let start = Instant::now();
    let book = Book::of_running(&house.database())?;
    let mut open = book.open_cases()?;
    while !open.is_empty() && start.elapsed() < Duration::from_secs(args.grace) {
        tokio::time::sleep(Duration::from_millis(500)).await;
        open = book.open_cases()?;
    }
    let seconds = start.elapsed().as_secs_f64();
    tally.check("every case ends", || {
        if open.is_empty() {
            Ok(format!("after {seconds:.1} s"))
        } else {
            Err(format!("after {seconds:.0} s: {open:?}"))
        }
    });
    Ok(())
}

fn ended_well(house: &House, tally: &mut Tally) -> Result<(), Fault> {
    let book = Book::of_running(&house.database())?;
    let states = book.states()?;
    tally.check("every case ends with its certificate", || {
        let good = ["issued", "confirmed", "handed_over", "archived"];
        let bad = states.keys().any(|state| !good.contains(&state.as_str()));
        if bad { Err(format!("{states:?}")) } else { Ok(format!("{states:?}")) }
    });
    let twice = book.keys_with_several_cases()?;
    tally.check("no key has two cases", || if twice == 0 { Ok(String::new()) } else { Err(format!("{twice} keys")) });
    Ok(())
}

/// Who asks again gets the same certificate; who went away without an answer gets one now.
async fn repeats(office: &Office, promises: &Promises, tally: &mut Tally) -> Result<(), Fault> {
    let mut different = Vec::new();
    let again = promises.worth_repeating();
    for promise in &again {
        let door = Door::new(promise.mode, KeyExchange::X25519, office)?;
        match requester::fetch(&door, &promise.enrolment).await {
            Ok(certificate) if certificate.der() == promise.certificate.der() => {}
            Ok(_) => different.push(format!("{:?}: another certificate", promise.mode)),
            Err(text) => different.push(format!("{:?}: {text}", promise.mode)),
        }
    }
    tally.check("a repeat gets the same certificate", || none(&different).map(|_| format!("{} repeated", again.len())));
    let mut unserved = Vec::new();
    let abandoned = promises.abandoned();
    for (mode, enrolment) in &abandoned {
        let door = Door::new(*mode, KeyExchange::X25519, office)?;
        match requester::fetch(&door, enrolment).await {
            Ok(certificate) => promises.keep(*mode, enrolment, certificate, true),
            Err(text) => unserved.push(format!("{mode:?}: {text}")),
        }
    }
    tally.check("who lost its connection and comes back later gets its certificate", || {
        none(&unserved).map(|_| format!("{} came back", abandoned.len()))
    });
    Ok(())
}

fn requesters_are_content(promises: &Promises, tally: &mut Tally) {
    let complaints = promises.complaints();
    tally.check("no requester was refused, misled or left waiting", || none(&complaints).map(|_| promises.summary()));
}

/// Good when there is nothing in the list.
fn none(list: &[String]) -> Result<String, String> {
    match list {
        [] => Ok(String::new()),
        [first, ..] => Err(format!("{}; the first: {first}", list.len())),
    }
}

/// How often the server is started before it is said that it does not get to a point.
const TRIES: u32 = 3;

const LONGEST_START: Duration = Duration::from_secs(2);

/// Of twenty.
const LEAST_TELLING: u32 = 10;
