//! Where does the process begin? A runtime with deep stacks, then the command line.

use std::process::ExitCode;

use lakegate::{cli, config::environment::Environment};

/// Plans are trees, and trees are walked by recursion.
const STACK_BYTES: usize = 16 * 1_048_576;

fn main() -> ExitCode {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .thread_name("lakegate")
        .thread_stack_size(STACK_BYTES)
        .build();
    match runtime {
        Ok(runtime) => {
            let exit = runtime.block_on(runtime.spawn(cli::run(Environment::of_process())));
            // What still runs in the background holds nothing that must be finished.
            runtime.shutdown_background();
            exit.unwrap_or(cli::exit::Exit::Internal).into()
        }
        Err(_) => cli::exit::Exit::Internal.into(),
    }
}
