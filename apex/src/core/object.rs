//! What all objects share: names, and queues of processes that wait for their turn.

use super::list::{Index, Lane, List, NONE};
use super::process::{Object, Wait};
use super::types::{Code, Discipline, Flow, Id, NEVER, Name, Reply, State, Time};
use super::{Core, Env, HANDLER};

/// The processes that wait for an object.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Queue {
    list: List,
    discipline: Discipline,
}

impl Queue {
    pub(crate) fn new(discipline: Discipline) -> Queue {
        Queue { list: List::default(), discipline }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    pub(crate) fn goes_by_priority(&self) -> bool {
        self.discipline == Discipline::Priority
    }
}

/// A table of named objects.
pub(crate) trait Named {
    fn name(&self) -> &Name;
}

/// The identifier of the object called `name`.
pub(crate) fn find_name<T: Named>(objects: &[T], name: &Name) -> Reply<Id> {
    let index = objects.iter().position(|object| object.name() == name).ok_or(Code::InvalidConfig)?;
    Ok(index as Id + 1)
}

/// The index that an identifier stands for.
pub(crate) fn find_id(id: Id, used: u16) -> Reply<u16> {
    let index = u16::try_from(id).ok().and_then(|id| id.checked_sub(1)).ok_or(Code::InvalidParam)?;
    if index < used { Ok(index) } else { Err(Code::InvalidParam) }
}

/// The checks that all CREATE services begin with: a free entry, and a name that is not taken.
pub(crate) fn check_new<T: Named>(objects: &[T], used: u16, name: &Name) -> Reply {
    if usize::from(used) == objects.len() {
        return Err(Code::InvalidConfig);
    }
    check_name(objects, used, name)
}

/// A name that is not taken.
pub(crate) fn check_name<T: Named>(objects: &[T], used: u16, name: &Name) -> Reply {
    if objects[..usize::from(used)].iter().any(|object| object.name() == name) {
        return Err(Code::NoAction);
    }
    Ok(())
}

impl<E: Env> Core<'_, E> {
    pub(crate) fn queue_of(&mut self, object: Object) -> &mut Queue {
        match object {
            Object::Semaphore(index) => &mut self.tables.semaphores[usize::from(index)].queue,
            Object::Event(index) => &mut self.tables.events[usize::from(index)].queue,
            Object::Buffer(index) => &mut self.tables.buffers[usize::from(index)].queue,
            Object::Blackboard(index) => &mut self.tables.blackboards[usize::from(index)].queue,
            Object::Mutex(index) => &mut self.tables.mutexes[usize::from(index)].queue,
            Object::Port(index) => &mut self.tables.queuing[usize::from(index)].queue,
        }
    }

    pub(crate) fn enqueue(&mut self, object: Object, index: Index) {
        let mut queue = *self.queue_of(object);
        match queue.discipline {
            Discipline::Fifo => queue.list.push_back(self.tables.processes, Lane::Turn, index),
            Discipline::Priority => queue
                .list
                .insert_ordered(self.tables.processes, Lane::Turn, index, |old, new| old.priority < new.priority),
        }
        *self.queue_of(object) = queue;
    }

    pub(crate) fn dequeue(&mut self, object: Object, index: Index) {
        let mut queue = *self.queue_of(object);
        queue.list.remove(self.tables.processes, Lane::Turn, index);
        *self.queue_of(object) = queue;
    }

    /// Processes that wait at the object.
    pub(crate) fn waiting(&self, queue: &Queue) -> i32 {
        queue.list.count(self.tables.processes, Lane::Turn)
    }

    /// The process whose turn it is.
    pub(crate) fn first_waiting(&mut self, object: Object) -> Option<Index> {
        let head = self.queue_of(object).list.head;
        (head != NONE).then_some(head)
    }

    /// When a time-out ends; [`NEVER`] for an infinite one.
    pub(crate) fn timeout_end(&self, timeout: Time) -> Reply<Time> {
        match timeout {
            ..0 => Ok(NEVER),
            0 => Ok(0),
            _ => self.env.now().checked_add(timeout).filter(|&end| end != NEVER).ok_or(Code::InvalidParam),
        }
    }

    /// Whether the caller may be made to wait.
    pub(crate) fn may_block(&self) -> Reply {
        // The main process cannot, whatever the lock: nobody would run.
        if self.in_main()
            || self.running == HANDLER
            || self.lock_level > 0
            || self.process(self.running).mutex.is_some()
        {
            return Err(Code::InvalidMode);
        }
        Ok(())
    }

    /// The end of every blocking service, when what it asked for is not there: the checks in the order in which they count,
    /// and then the wait. A poll comes first, so that everybody may poll.
    pub(crate) fn block_on<T>(&mut self, object: Object, timeout: Time, until: Time) -> Reply<Flow<T>> {
        if timeout == 0 {
            return Err(Code::NotAvailable);
        }
        self.may_block()?;
        let running = self.running;
        self.ready.remove(self.tables.processes, running);
        self.enqueue(object, running);
        let process = self.process_mut(running);
        process.state = State::Waiting;
        process.wait = Wait::Object(object);
        process.outcome = Err(Code::TimedOut);
        if until != NEVER {
            self.wake_at(running, until);
        }
        Ok(Flow::Blocked)
    }

    /// Ends the wait of a process at an object, which got what it waited for.
    pub(crate) fn grant(&mut self, object: Object, index: Index, length: u32) {
        self.dequeue(object, index);
        self.stop_waking(index);
        let process = self.process_mut(index);
        process.length = length;
        process.outcome = Ok(());
        self.unblock(index);
    }

    /// A process waits for nothing any more, unless it is suspended.
    pub(crate) fn unblock(&mut self, index: Index) {
        let process = self.process_mut(index);
        process.wait = Wait::Nothing;
        if !process.suspended {
            self.make_ready(index);
        }
    }

    /// Puts a process behind all that are ready with its priority.
    pub(crate) fn make_ready(&mut self, index: Index) {
        self.process_mut(index).state = State::Ready;
        self.ready.push_back(self.tables.processes, index);
    }
}
