//! Runs a worker process for one request pattern: only what depends on the handler's types.
//!
//! The loop in `request_loop.rs` knows no types, so it is compiled once and not for each worker.

use std::process::ExitCode;

use amqp::RequestMetadata;
use contracts::Request;
use futures_util::FutureExt;
use futures_util::future::LocalBoxFuture;
use runtime::{StartError, exit_code};
use serde_json::value::RawValue;

use crate::bootstrap::{Bootstrap, ProcessSpec};
use crate::failure::Failure;
use crate::rpc::call::Call;
use crate::rpc::request_loop::{Handle, Server};
use crate::settings::Dependencies;

/// Runs a worker process for the handler's pattern until a shutdown is requested.
pub async fn serve<R, D, H>(handler: H) -> ExitCode
where
    R: Request,
    D: Dependencies,
    H: AsyncFn(Call<R>, &D) -> Result<R::Reply, Failure>,
{
    exit_code(run(handler).await)
}

async fn run<R, D, H>(handler: H) -> Result<(), StartError>
where
    R: Request,
    D: Dependencies,
    H: AsyncFn(Call<R>, &D) -> Result<R::Reply, Failure>,
{
    let about = format!("Serves the requests of the pattern {}. Any number of copies share them.", R::PATTERN);
    let spec = ProcessSpec { name: R::PATTERN, safe: R::SAFE };
    let mut start = Bootstrap::read(spec, &about, &[])?;
    let opened = D::open(&mut start.context()).await;
    let dependencies = start.report(opened)?;
    let handler = Typed { handler, dependencies, message: std::marker::PhantomData };
    Server::new(start, spec, &handler, D::LOOKAHEAD)?.run().await
}

/// A handler with its dependencies, behind the untyped interface.
struct Typed<R, D, H> {
    handler: H,
    dependencies: D,
    message: std::marker::PhantomData<fn() -> R>,
}

impl<R, D, H> Handle for Typed<R, D, H>
where
    R: Request,
    H: AsyncFn(Call<R>, &D) -> Result<R::Reply, Failure>,
{
    fn handle<'a>(&'a self, data: &'a RawValue, meta: RequestMetadata) -> LocalBoxFuture<'a, Result<Vec<u8>, Failure>> {
        async move {
            let call = Call::new(R::decode(data)?, meta);
            let reply = (self.handler)(call, &self.dependencies).await?;
            amqp::encode_response(&reply).map_err(Failure::broken)
        }
        .boxed_local()
    }
}
