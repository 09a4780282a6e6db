//! With which code does a command end? A stable table: scripts are written against it.

use std::process::ExitCode;

use lakegate_query::error::{ErrorCode, ErrorKind};

/// How a command ended.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Exit {
    Done,
    /// Query or input error.
    Refused,
    Usage,
    Unauthenticated,
    /// Permission denied on something visible.
    Denied,
    /// Not found, or not visible.
    NotFound,
    /// Quota or overload: retry later.
    Overload,
    Deadline,
    SourceFailed,
    /// Internal error of the server.
    Internal,
    /// Server not reachable.
    Unreachable,
    /// `diff`: something differs.
    Differs,
    /// Gains need approval.
    NeedsApproval,
    /// `audit verify`: the end of a chain is gone; an operator may accept it.
    Torn,
    Interrupted,
}

impl Exit {
    /// The number.
    #[must_use]
    pub fn code(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Refused => 1,
            Self::Usage => 2,
            Self::Unauthenticated => 3,
            Self::Denied => 4,
            Self::NotFound => 5,
            Self::Overload => 6,
            Self::Deadline => 7,
            Self::SourceFailed => 8,
            Self::Internal => 9,
            Self::Unreachable => 10,
            Self::Differs => 11,
            Self::NeedsApproval => 12,
            Self::Torn => 13,
            Self::Interrupted => 130,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}

/// How a command ends that failed with this code.
#[must_use]
pub fn exit_of(code: ErrorCode) -> Exit {
    match code.kind() {
        ErrorKind::Precondition if code == ErrorCode::GainsUnapproved => Exit::NeedsApproval,
        ErrorKind::Limit if code == ErrorCode::ExceededTime => Exit::Deadline,
        ErrorKind::User
        | ErrorKind::NotSupported
        | ErrorKind::Conflict
        | ErrorKind::Precondition
        | ErrorKind::Cancelled => Exit::Refused,
        ErrorKind::Unauthenticated => Exit::Unauthenticated,
        ErrorKind::Denied => Exit::Denied,
        ErrorKind::NotFound | ErrorKind::Gone => Exit::NotFound,
        ErrorKind::Limit | ErrorKind::Overload | ErrorKind::Unavailable => Exit::Overload,
        ErrorKind::Source => Exit::SourceFailed,
        ErrorKind::Internal => Exit::Internal,
    }
}
