use std::io::{self, Read as _, Write as _};
use std::path::PathBuf;

use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::oneshot;

use crate::files;
use crate::mischief::Mischief;
use crate::{Config, Fault, serve};

/// Runs the demo CA: never for production.
#[derive(Clone, Debug, clap::Args)]
pub struct Args {
    /// The demo's folder, with `pki` and `ca` in it.
    #[arg(long)]
    pub dir: PathBuf,
    /// The port on 127.0.0.1; 0 takes a free one and says which.
    #[arg(long, default_value_t = 0)]
    pub port: u16,
    /// Ends when standard input ends, that is, with the process that started it.
    #[arg(long)]
    pub exit_with_stdin: bool,
    /// Mischief from the start, as in POST /mischief: a JSON file.
    #[arg(long)]
    pub mischief: Option<PathBuf>,
}

/// Runs until a signal or the end of standard input. The first line of standard output says where it listens.
///
/// # Errors
/// When it cannot start.
pub async fn run(args: &Args) -> Result<(), Fault> {
    let mut config = Config::new(&args.dir, args.port);
    if let Some(path) = &args.mischief {
        config.mischief =
            Mischief::parse(&files::read(path)?).map_err(|detail| Fault::Content { path: path.clone(), detail })?;
    }
    let running = serve(config).await?;
    // Nobody may read it; then it does not matter.
    drop(writeln!(io::stdout(), "demo CA listens on {}", running.url()));
    let ending = end_of_stdin(args.exit_with_stdin);
    let mut terminate = signal(SignalKind::terminate()).map_err(|source| Fault::Listen { port: args.port, source })?;
    tokio::select! {
        () = ending => {}
        _ = terminate.recv() => {}
        _ = tokio::signal::ctrl_c() => {}
    }
    running.stop().await;
    Ok(())
}

/// Waits for the end of standard input, or for ever. A thread of its own reads: one of the runtime's would keep the
/// process from ending.
async fn end_of_stdin(wanted: bool) {
    let (ended, end) = oneshot::channel::<()>();
    if !wanted {
        return std::future::pending().await;
    }
    #[expect(clippy::disallowed_methods, reason = "one of the runtime's threads would keep the process from ending")]
    std::thread::spawn(move || {
        let mut ignored = [0; 64];
        while io::stdin().read(&mut ignored).is_ok_and(|count| count > 0) {}
        drop(ended);
    });
    drop(end.await);
}
