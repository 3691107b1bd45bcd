//! The rules against the table of services, with a clock that the tests set.
