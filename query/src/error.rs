//! What can go wrong with a query, and which decision can its caller make? One code each, with a kind.

use std::fmt;

use serde::{Deserialize, Serialize};

/// What a code means for the caller. The kind alone decides HTTP status, exit code and alert.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum ErrorKind {
    /// The request is wrong: change it.
    User,
    /// No or a bad credential.
    Unauthenticated,
    /// Visible, but not permitted.
    Denied,
    /// Missing, or hidden: the same.
    NotFound,
    /// Exists already, or a stale version.
    Conflict,
    /// A precondition (`If-Match`) is stale or absent.
    Precondition,
    /// A limit of the statement, the workgroup or the caller was reached.
    Limit,
    /// Too much at once: retry later.
    Overload,
    /// Cancelled by a person, a deadline or a change of policy.
    Cancelled,
    /// The source failed, not we.
    Source,
    /// Not now: draining, or the store is away.
    Unavailable,
    /// Gone: results expired.
    Gone,
    /// This version does not do that.
    NotSupported,
    /// Our fault.
    Internal,
}

macro_rules! codes {
    ($($variant:ident $text:literal $kind:ident $remedy:literal)*) => {
        /// Stable error codes: Trino's `StandardErrorCode` names where one fits, else ours.
        #[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
        pub enum ErrorCode { $(#[doc = $remedy] $variant,)* }
        impl ErrorCode {
            /// Every code.
            pub const ALL: &[Self] = &[$(Self::$variant,)*];
            /// The code as it travels.
            #[must_use]
            pub fn text(self) -> &'static str { match self { $(Self::$variant => $text,)* } }
            /// What kind of failure it is.
            #[must_use]
            pub fn kind(self) -> ErrorKind { match self { $(Self::$variant => ErrorKind::$kind,)* } }
            /// What to do about it; the text of `docs/errors.md`.
            #[must_use]
            pub fn remedy(self) -> &'static str { match self { $(Self::$variant => $remedy,)* } }
        }
    };
}

// sorted: start
codes! {
    AccessDenied "ACCESS_DENIED" Denied "ask the owner of the named object for a grant; `lakegate whoami` shows who you are"
    AlreadyExists "ALREADY_EXISTS" Conflict "choose another name, or update the object that has it"
    AmbiguousName "AMBIGUOUS_NAME" User "qualify the column with its table, or rename one of the two with AS"
    AuditUnavailable "AUDIT_UNAVAILABLE" Unavailable "nothing runs that cannot be audited: repair the store, then retry"
    CannotLoadResults "RESULTS_EXPIRED" Gone "results are kept for a limited time: run the query again"
    ColumnNotFound "COLUMN_NOT_FOUND" User "check the column's name; `DESCRIBE` lists the columns that you may see"
    CorruptFile "CORRUPT_FILE" Source "the file is damaged or not of the declared format: holders of `ReadStats` find its name in the log"
    DatabaseNotFound "SCHEMA_NOT_FOUND" NotFound "check catalog and database; `SHOW SCHEMAS` lists what you may see"
    DivisionByZero "DIVISION_BY_ZERO" User "guard the divisor with `NULLIF(x, 0)`"
    ExceededMemory "EXCEEDED_MEMORY_LIMIT" Limit "read fewer columns or rows, or ask for a larger memory limit of the workgroup"
    ExceededResult "EXCEEDED_RESULT_LIMIT" Limit "add a LIMIT or aggregate, or raise the result limit"
    ExceededScan "EXCEEDED_SCAN_LIMIT" Limit "filter on a partition column or select fewer columns, or raise the scan limit"
    ExceededTime "EXCEEDED_TIME_LIMIT" Limit "make the query smaller, or raise its time limit"
    FilterUnavailable "FILTER_UNAVAILABLE" Unavailable "a row filter needs a mapping that cannot be read now: tell the operator the query id"
    FunctionNotFound "FUNCTION_NOT_FOUND" User "check the function's name and argument types"
    GainsUnapproved "GAINS_NEED_APPROVAL" Precondition "look at the gains that the answer lists, then repeat the change with their digest"
    IdempotencyConflict "IDEMPOTENCY_CONFLICT" User "use a new `Idempotency-Key` for a new request"
    Internal "INTERNAL_ERROR" Internal "report the query id and the request id to the operator"
    InvalidCast "INVALID_CAST_ARGUMENT" User "a value cannot be converted to the type asked for: use `TRY_CAST`"
    InvalidCredential "INVALID_CREDENTIAL" Unauthenticated "send a valid, unexpired API key or token as `Authorization: Bearer …`"
    InvalidCursor "INVALID_CURSOR" User "start the list again without a cursor"
    InvalidRequest "INVALID_REQUEST" User "see the message: it names the member and what is expected"
    InvalidValue "INVALID_FUNCTION_ARGUMENT" User "see the function's documentation for the values it takes"
    MaskKeyUnavailable "MASK_KEY_UNAVAILABLE" Unavailable "the operator has to give the server its master key: the log says what is missing"
    MissingColumn "SCHEMA_CHANGED" Source "the source changed its schema: ask the table's owner to repair or re-declare it"
    MissingPrecondition "PRECONDITION_REQUIRED" Precondition "send the object's `ETag` as `If-Match`"
    NotFound "NOT_FOUND" NotFound "check the name; what you may not see does not exist for you"
    NotSupported "NOT_SUPPORTED" NotSupported "this version does not implement the named feature"
    NumericOutOfRange "NUMERIC_VALUE_OUT_OF_RANGE" User "cast to a wider type before computing"
    PlanInvariant "PLAN_INVARIANT" Internal "an internal safety check stopped the query before it read anything: report the query id"
    PolicyChanged "POLICY_CHANGED" Cancelled "permissions changed while the query ran, or before its rows were fetched: run it again"
    PolicyInvalid "POLICY_INVALID" User "see the message: it names policy, line and column"
    QueryCancelled "USER_CANCELED" Cancelled "the query was cancelled on request"
    QueueFull "QUERY_QUEUE_FULL" Overload "wait as long as `Retry-After` says, or use another workgroup"
    RelationColumnMismatch "CONFIGURATION_INVALID" User "see the message: it names file, line, column and the remedy"
    ServerDraining "SERVER_DRAINING" Unavailable "this server is stopping: retry on another, or in a moment"
    ServerLost "SERVER_LOST" Unavailable "the server stopped while the query ran: submit it again"
    SourceDenied "SOURCE_ACCESS_DENIED" Source "the source refused the connection's credential: tell the connection's owner"
    SourceFailed "SOURCE_FAILED" Source "the source failed: the log has its message under the query id"
    SourceUnavailable "SOURCE_UNAVAILABLE" Source "the source cannot be reached: check host, port and network of the connection"
    StaleVersion "STALE_VERSION" Precondition "read the object again and repeat the change with its new `ETag`"
    StatementTooComplex "QUERY_TOO_COMPLEX" Limit "split the statement: the message names the limit and its value"
    StoreUnavailable "STORE_UNAVAILABLE" Unavailable "the metadata store cannot be reached: retry in a moment"
    SubqueryRows "SUBQUERY_MULTIPLE_ROWS" User "a subquery that stands for one value has several rows: aggregate it, or add LIMIT 1"
    SyntaxError "SYNTAX_ERROR" User "see the message and its line and column"
    TableNotFound "TABLE_NOT_FOUND" NotFound "check catalog, database and table; `SHOW TABLES` lists what you may see"
    TextTooLarge "QUERY_TEXT_TOO_LARGE" Limit "keep a statement within 262,144 bytes"
    TypeMismatch "TYPE_MISMATCH" User "cast one side so that the types agree"
    UnknownWorkgroup "WORKGROUP_NOT_FOUND" NotFound "check the workgroup's name, or leave it out for `primary`"
    ViewFailed "VIEW_FAILED" Source "something inside the view failed: its owner finds the cause in the log under the query id"
}
// sorted: end

/// Where in a statement, 1-based.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize, Deserialize)]
pub struct Location {
    pub line: u64,
    pub column: u64,
}

/// A failure as the caller may see it. The cause, if any, is for the log only and never printed here.
pub struct QueryError {
    pub code: ErrorCode,
    pub message: String,
    pub location: Option<Location>,
    /// Seconds after which a retry makes sense.
    pub retry_after: Option<u64>,
    cause: Option<Box<dyn std::error::Error + Send + Sync>>,
}

impl QueryError {
    /// A failure with our own public text.
    #[must_use]
    pub fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
            location: None,
            retry_after: None,
            cause: None,
        }
    }

    /// Adds the cause, for the log.
    #[must_use]
    pub fn because(mut self, cause: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        self.cause = Some(cause.into());
        self
    }

    /// Adds the place in the statement.
    #[must_use]
    pub fn at(mut self, location: Option<Location>) -> Self {
        self.location = location;
        self
    }

    /// Adds the time after which a retry makes sense, in seconds.
    #[must_use]
    pub fn retry_after(mut self, seconds: u64) -> Self {
        self.retry_after = Some(seconds);
        self
    }

    /// An internal error: the caller learns nothing but the code.
    #[must_use]
    pub fn internal(cause: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self::new(ErrorCode::Internal, "an internal error stopped the request").because(cause)
    }

    /// The one constructor of "missing", for missing and for hidden relations alike (P7).
    #[must_use]
    pub fn table_not_found(name: &impl fmt::Display) -> Self {
        Self::new(ErrorCode::TableNotFound, format!("table `{name}` does not exist"))
    }

    /// The one constructor of "missing column".
    #[must_use]
    pub fn column_not_found(name: &str) -> Self {
        Self::new(ErrorCode::ColumnNotFound, format!("column `{name}` does not exist"))
    }

    /// Whether the same request may succeed later.
    #[must_use]
    pub fn retryable(&self) -> bool {
        matches!(self.code.kind(), ErrorKind::Overload | ErrorKind::Unavailable)
            || matches!(self.code, ErrorCode::PolicyChanged | ErrorCode::SourceUnavailable)
    }

    /// The chain of causes as one line, for the log.
    #[must_use]
    pub fn log_text(&self) -> String {
        let mut text = self.to_string();
        let mut next = self
            .cause
            .as_deref()
            .map(|cause| cause as &(dyn std::error::Error + 'static));
        while let Some(cause) = next {
            text.push_str(": ");
            text.push_str(&cause.to_string());
            next = cause.source();
        }
        text
    }
}

impl fmt::Debug for QueryError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "QueryError({} {:?})", self.code.text(), self.log_text())
    }
}

impl fmt::Display for QueryError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for QueryError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.cause
            .as_deref()
            .map(|cause| cause as &(dyn std::error::Error + 'static))
    }
}

/// Result of everything in this crate.
pub type Result<T, E = QueryError> = std::result::Result<T, E>;
