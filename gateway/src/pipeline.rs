//! The way of a request through the gateway: the steps that it passes, in their order, and who answers it then.
//!
//! [`Pipeline::pass`] is the list. A step either lets the request through, perhaps with something learnt, or refuses it.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use amqp::rpc::client::Answer;
use amqp::{Broker, Deadline, RequestMetadata, RpcClient, RpcError};
use contracts::Code;
use futures_util::FutureExt;
use hyper::body::Incoming;
use hyper::header::{CONNECTION, HOST, HeaderValue};
use hyper::http::request::Parts;
use hyper::{Method, Request, Response, Version};
use matchit::Params;
use runtime::{SettingError, Shutdown};
use serde_json::value::RawValue;
use tokio_util::task::TaskTracker;
use uuid::Uuid;

use crate::auth::Auth;
use crate::auth::caller::Caller;
use crate::endpoints::builtin::Known;
use crate::endpoints::event_stream::{EventStreams, Missed};
use crate::endpoints::rpc::history::Inbox;
use crate::endpoints::rpc::reply_shape::ReplyShapes;
use crate::endpoints::rpc::{history, request, response};
use crate::endpoints::{builtin, event_stream};
use crate::http::access_log::{AccessLogEntry, known};
use crate::http::client_ip::{Peer, Proxies};
use crate::http::cors::Cors;
use crate::http::problem::HttpError;
use crate::http::request_body::{Bounds, RequestBody, Rest};
use crate::http::request_headers::{RequestId, Trace, X_REQUEST_ID, baggage, idempotency_key, only};
use crate::http::response_body::Body;
use crate::http::security_headers::add_security_headers;
use crate::http::service::Service;
use crate::metrics::requests::{Answered, RequestMetrics};
use crate::rate_limit::response_headers::Rate;
use crate::rate_limit::{Attempt, RateLimiter};
use crate::routing::route::{Ask, Builtin, Route, Source, Success, Work};
use crate::routing::router::{Router, Row};
use crate::settings::GatewaySettings;

/// Everything that answering a request takes.
pub struct Pipeline {
    router: Router,
    auth: Arc<Auth>,
    cors: Cors,
    rpc: Arc<RpcClient>,
    reply_shapes: ReplyShapes,
    event_streams: EventStreams,
    rate_limiter: RateLimiter,
    metrics: Arc<RequestMetrics>,
    proxies: Proxies,
    body_bounds: Bounds,
    public_system: bool,
    /// After how long events are tried again: these are parts of queues' names.
    retry_delays_ms: Vec<u32>,
    /// How long listeners remember what they have applied.
    inbox_kept: Duration,
    /// Bodies that nobody wanted, while they are read away.
    unwanted_bodies: TaskTracker,
    /// From a request's last byte to its answer.
    request_timeout: Duration,
}

/// The address of a request that came by no connection; only a test makes one.
const UNKNOWN: IpAddr = IpAddr::V4(Ipv4Addr::UNSPECIFIED);

/// A request without its body, and what the gateway calls it.
struct RequestInfo {
    head: Parts,
    message_id: Uuid,
    request_id: RequestId,
    client: IpAddr,
    /// What the proxy in front of us has taken off the path.
    prefix: String,
}

/// A request on its way through the steps, with what they leave for the response and the log.
struct Context<'a> {
    request: &'a RequestInfo,
    body: RequestBody,
    /// The row that serves it.
    route: Option<&'static Route>,
    /// What is left of the client's quota.
    rate: Option<Rate>,
}

/// What the workers of a pattern are to be asked.
struct Question<'a> {
    row: &'a Row,
    ask: Ask,
    input: Box<RawValue>,
    metadata: RequestMetadata,
}

impl Pipeline {
    /// Serves a table of routes as the settings say.
    pub fn open(
        settings: &GatewaySettings,
        table: &'static [Route],
        rpc: Arc<RpcClient>,
        metrics: Arc<RequestMetrics>,
        stop: Shutdown,
    ) -> Result<Self, SettingError> {
        Ok(Self {
            event_streams: EventStreams::new(&settings.event_streams(), Arc::clone(&rpc), stop),
            router: Router::new(table, &settings.lanes()).expect("a test lays the table out"),
            auth: Arc::new(Auth::open(&settings.auth())?),
            cors: Cors::new(settings.origins().unwrap_or_default()),
            rpc,
            metrics,
            reply_shapes: ReplyShapes::published().expect("a test reads the document"),
            rate_limiter: RateLimiter::new(settings.limits),
            proxies: settings.proxies().unwrap_or_default(),
            unwanted_bodies: TaskTracker::new(),
            body_bounds: Bounds { size: settings.body_limit_bytes, time: settings.body_timeout() },
            public_system: settings.public_system,
            retry_delays_ms: settings.retry_delays_ms.clone(),
            inbox_kept: Duration::from_hours(settings.inbox_h.into()),
            request_timeout: settings.request_timeout(),
        })
    }

    /// Brings events to those who follow them, until a stop is asked for.
    pub async fn run_event_streams(&self, broker: &Broker) {
        self.event_streams.run(broker).await;
    }

    /// Keeps the keys of access tokens current, for ever.
    pub async fn keep_keys_current(&self) {
        self.auth.keep().await;
    }

    /// The steps of a request, in their order. What costs least comes first, and no worker is asked what would be refused.
    async fn pass(&self, context: &mut Context<'_>) -> Result<Response<Body>, HttpError> {
        let request = context.request;
        check_host(request)?;
        context.body.check(&request.head.headers)?;
        let (place, params) = self.router.place(request.head.uri.path())?;
        if request.head.method == Method::OPTIONS {
            return Ok(self.cors.options(&request.head.headers, &place.allow));
        }
        let row = place.row(request.head.method.as_str())?;
        context.route = Some(row.route);
        self.check_rate(row.route, context)?;
        let caller = self.authenticate(row.route, request).await?;
        let ask = match row.route.work {
            Work::Ask(ask) => ask,
            Work::Builtin(builtin) => return self.show(row, builtin, request).await,
        };
        let idempotency_key = if row.route.keyed { idempotency_key(&request.head.headers)? } else { None };
        let input = read_input(row.route, &params, context).await?;
        let account = (ask.decode)(&input, caller.as_ref().map(|caller| caller.id.as_str()))?;
        let _in_flight = row.enter()?;
        let attempt = self.begin_attempt(row.route, account.as_deref(), context)?;
        let metadata = self.metadata(request, caller.as_ref(), idempotency_key);
        let question = Question { row, ask, input, metadata };
        match (row.route.success, caller) {
            (Success::LiveSubscription, Some(caller)) => self.follow(question, caller, request).await,
            _ => self.ask(question, attempt, request).await,
        }
    }

    /// Counts a request of a limited row, and refuses it when it is one too many.
    fn check_rate(&self, route: &Route, context: &mut Context<'_>) -> Result<(), HttpError> {
        let counted = route.limit.and_then(|limit| self.rate_limiter.enter(limit, context.request.client));
        let Some(Ok(rate) | Err(rate)) = counted else { return Ok(()) };
        context.rate = Some(rate);
        match rate.wait {
            Some(wait) => Err(HttpError::too_many("Too many requests of this kind from your address. Wait.", wait)),
            None => Ok(()),
        }
    }

    /// On whose behalf the request comes, where its row wants to know.
    async fn authenticate(&self, route: &Route, request: &RequestInfo) -> Result<Option<Caller>, HttpError> {
        let guarded = route.guarded || (route.is_public_by_setting() && !self.public_system);
        if guarded { self.auth.caller(&request.head.headers).await.map(Some) } else { Ok(None) }
    }

    /// Counts a try of an account's password as failed until it is known to be none, and refuses it when too many failed.
    fn begin_attempt(
        &self,
        route: &Route,
        account: Option<&str>,
        context: &mut Context<'_>,
    ) -> Result<Option<Attempt<'_>>, HttpError> {
        let Some((limit, account)) = route.limit.zip(account) else { return Ok(None) };
        match self.rate_limiter.attempt(limit, context.request.client, account) {
            Ok(attempt) => Ok(Some(attempt)),
            Err(rate) => {
                context.rate = Some(rate);
                Err(HttpError::too_many("Too many sign-ins failed. Wait a little.", rate.wait.unwrap_or(1)))
            }
        }
    }

    /// What travels beside the question.
    fn metadata(
        &self,
        request: &RequestInfo,
        caller: Option<&Caller>,
        idempotency_key: Option<String>,
    ) -> RequestMetadata {
        let headers = &request.head.headers;
        let trace = Trace::of(headers);
        RequestMetadata {
            message_id: request.message_id,
            request_id: request.request_id.as_str().to_owned(),
            caller: caller.map(|caller| caller.id.clone()),
            session: caller.and_then(|caller| caller.session),
            idempotency_key,
            tracestate: trace.state,
            baggage: baggage(headers),
            traceparent: trace.parent,
            deadline: Deadline::after(self.request_timeout),
        }
    }

    /// Answers from what the gateway itself knows.
    async fn show(&self, row: &Row, builtin: Builtin, request: &RequestInfo) -> Result<Response<Body>, HttpError> {
        let _in_flight = row.enter()?;
        let known =
            Known { rpc: &self.rpc, router: &self.router, auth: &self.auth, retry_delays_ms: &self.retry_delays_ms };
        Ok(builtin::show(builtin, &request.head.headers, &known).await)
    }

    /// Opens a stream of the caller's events.
    async fn follow(
        &self,
        question: Question<'_>,
        caller: Caller,
        request: &RequestInfo,
    ) -> Result<Response<Body>, HttpError> {
        let after = event_stream::last_seen(&request.head.headers, &question.input)?;
        let missed = Missed { pattern: question.ask.pattern, after };
        let lapse = {
            let (auth, caller) = (Arc::clone(&self.auth), caller.clone());
            async move { auth.lapse(&caller).await }.boxed()
        };
        self.event_streams.open(caller, lapse, missed, question.metadata).await
    }

    /// Asks the pattern's workers, and makes their answer a response.
    async fn ask(
        &self,
        question: Question<'_>,
        attempt: Option<Attempt<'_>>,
        request: &RequestInfo,
    ) -> Result<Response<Body>, HttpError> {
        let Question { row, ask, input, metadata } = question;
        let _asking = self.metrics.ask(ask.pattern);
        let asked = Instant::now();
        let answer = self.rpc.call(ask.pattern, &input, &metadata, row.waiting_room()).await;
        let answer = answer.and_then(|answer| self.check_reply(ask.pattern, answer));
        if !matches!(answer, Err(RpcError::NotConnected | RpcError::NobodyServes | RpcError::Expired)) {
            row.count(asked.elapsed());
        }
        if let Some(attempt) = attempt {
            attempt.settle(&answer);
        }
        let reply = answer.map_err(|error| response::failure(&error, ask.safe))??;
        let reply = self.completed(row, reply, &metadata).await?;
        response::success(row.route, &request.head, &request.prefix, reply)
    }

    /// An answer, if it is one that the contract promises.
    fn check_reply(&self, pattern: &str, answer: Answer) -> Result<Answer, RpcError> {
        if let Ok(reply) = &answer {
            self.reply_shapes.check(pattern, reply).map_err(RpcError::Malformed)?;
        }
        Ok(answer)
    }

    /// The reply, with what another pattern adds to it where the row says so.
    async fn completed(
        &self,
        row: &Row,
        reply: Box<RawValue>,
        metadata: &RequestMetadata,
    ) -> Result<Box<RawValue>, HttpError> {
        let (Some(pattern), Some(meter)) = (row.route.inbox, &row.inbox) else { return Ok(reply) };
        let inbox = Inbox { rpc: &self.rpc, pattern, meter, kept: self.inbox_kept };
        history::complete(&reply, &inbox, metadata).await
    }
}

/// A request without its one host is malformed, and may be meant for somebody else (RFC 9112, section 3.2).
fn check_host(RequestInfo { head, .. }: &RequestInfo) -> Result<(), HttpError> {
    if head.version == Version::HTTP_11 && only(&head.headers, &HOST).is_none() {
        return Err(HttpError::new(Code::BadRequest, "Send exactly one Host header."));
    }
    Ok(())
}

/// The input of a request as one JSON text, from where its row says.
async fn read_input(
    route: &Route,
    params: &Params<'_, '_>,
    context: &mut Context<'_>,
) -> Result<Box<RawValue>, HttpError> {
    let head = &context.request.head;
    match route.source {
        Source::Address => request::address(params, head.uri.query()),
        Source::Body => {
            request::expect_json(&head.headers)?;
            request::json(&context.body.read().await?)
        }
    }
}

impl Service for Pipeline {
    async fn call(&self, request: Request<Incoming>) -> Response<Body> {
        let began = Instant::now();
        let (head, incoming) = request.into_parts();
        let peer = head.extensions.get().map_or(UNKNOWN, |Peer(peer)| *peer);
        let client = self.proxies.client(peer, &head.headers);
        let prefix = self.proxies.prefix(peer, &head.headers).to_owned();
        let body = RequestBody::new(incoming, &head, self.body_bounds);
        // Always ours: were it the client's, two requests with one id would have one effect.
        let message_id = Uuid::now_v7();
        let request_id = RequestId::of(&head.headers, message_id);
        let request = RequestInfo { head, message_id, request_id, client, prefix };

        let mut context = Context { request: &request, body, route: None, rate: None };
        let outcome = self.pass(&mut context).await;
        let Context { body, route, rate, .. } = context;
        let code = outcome.as_ref().err().map(HttpError::code);
        let cause = outcome.as_ref().err().and_then(HttpError::cause).map(str::to_owned);
        let mut response =
            outcome.unwrap_or_else(|refusal| refusal.respond(&request.head.uri, request.request_id.as_str()));

        let headers = response.headers_mut();
        headers.insert(X_REQUEST_ID, request.request_id.header());
        if let Some(rate) = rate {
            rate.write(headers);
        }
        add_security_headers(headers, route.is_some_and(|route| route.guarded));
        self.cors.mark(&request.head.headers, headers);
        match body.rest() {
            Rest::Nothing => {}
            Rest::TooMuch => drop(headers.insert(CONNECTION, HeaderValue::from_static("close"))),
            // The answer does not wait for it.
            Rest::Some => drop(self.unwanted_bodies.spawn(body.discard())),
        }
        self.metrics.count(&Answered {
            method: known(request.head.method.as_str()),
            route: route.map(|route| route.path),
            status: response.status(),
            code,
            took: began.elapsed(),
        });
        AccessLogEntry {
            method: request.head.method.as_str(),
            route: route.map(|route| route.path),
            pattern: route.and_then(Route::pattern),
            quiet: route.is_some_and(Route::is_public_by_setting),
            status: response.status(),
            took: began.elapsed(),
            request_id: request.request_id.as_str(),
            code,
            cause: cause.as_deref(),
        }
        .write();
        response
    }
}
