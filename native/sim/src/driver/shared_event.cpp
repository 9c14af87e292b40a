// SPDX-License-Identifier: MIT
#include "driver/shared_event.h"

#include <fcntl.h>
#include <linux/futex.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <ctime>

namespace cudasim::driver {

namespace {

// A process, told apart from a later one with the same number by when it started.
struct Process {
    std::int32_t number = 0;
    std::uint32_t pad = 0;
    std::uint64_t started = 0;
};

// Its state and start time; false if there is no such process.
bool look_up(std::int32_t number, char* state, std::uint64_t* started) {
    char path[64], text[1024];
    std::snprintf(path, sizeof path, "/proc/%d/stat", number);
    int file = open(path, O_RDONLY | O_CLOEXEC);
    if (file < 0)
        return false;
    ssize_t n = read(file, text, sizeof text - 1);
    close(file);
    text[n > 0 ? n : 0] = 0;
    // Behind the name, which may hold anything, the state is field 3 and the start time field 22.
    const char* at = std::strrchr(text, ')');
    unsigned long long time = 0;
    if (at == nullptr ||
        std::sscanf(at + 1,
                    " %c %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s "
                    "%llu",
                    state, &time) != 2)
        return false;
    *started = time;
    return true;
}

Process this_process() {
    Process self;
    char state;
    self.number = getpid();
    look_up(self.number, &state, &self.started);
    return self;
}

bool is_alive(const Process& process) {
    char state = 0;
    std::uint64_t started = 0;
    // A zombie runs no more: only its exit code is left.
    return look_up(process.number, &state, &started) && started == process.started &&
           state != 'Z' && state != 'X';
}

constexpr std::uint64_t kRecorders = 16;

} // namespace

struct SharedEvent::Marks {
    pthread_mutex_t mutex; // robust: of the next record
    std::uint64_t recorded, completed;
    std::uint32_t changes; // what waiters sleep on
    std::uint32_t pad;
    struct {
        std::uint64_t record;
        Process process;
    } recorders[kRecorders]; // of the last records, at their number modulo so many
};

namespace {

// Holds the mutex. A process that ended in between has left everything valid behind.
class Lock {
  public:
    explicit Lock(pthread_mutex_t& mutex) : mutex_(mutex) {
        if (pthread_mutex_lock(&mutex_) == EOWNERDEAD)
            pthread_mutex_consistent(&mutex_);
    }
    ~Lock() { pthread_mutex_unlock(&mutex_); }
    Lock(const Lock&) = delete;
    Lock& operator=(const Lock&) = delete;

  private:
    pthread_mutex_t& mutex_;
};

} // namespace

std::shared_ptr<SharedEvent> SharedEvent::create() {
    int file = memfd_create("deepinfra-cudasim-event", MFD_CLOEXEC);
    if (file < 0)
        return nullptr;
    if (ftruncate(file, sizeof(Marks)) != 0) {
        close(file);
        return nullptr;
    }
    std::shared_ptr<SharedEvent> event = open(file);
    if (!event)
        return nullptr;
    pthread_mutexattr_t attributes;
    pthread_mutexattr_init(&attributes);
    pthread_mutexattr_setpshared(&attributes, PTHREAD_PROCESS_SHARED);
    pthread_mutexattr_setrobust(&attributes, PTHREAD_MUTEX_ROBUST);
    pthread_mutex_init(&event->marks_->mutex, &attributes);
    pthread_mutexattr_destroy(&attributes);
    return event;
}

std::shared_ptr<SharedEvent> SharedEvent::open(int file) {
    std::shared_ptr<SharedEvent> event(new SharedEvent(file));
    struct stat status;
    if (fstat(file, &status) != 0 || status.st_size != sizeof(Marks))
        return nullptr; // of another version of this library
    void* map = mmap(nullptr, sizeof(Marks), PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    if (map == MAP_FAILED)
        return nullptr;
    event->marks_ = static_cast<Marks*>(map);
    return event;
}

SharedEvent::~SharedEvent() {
    if (marks_ != nullptr)
        munmap(marks_, sizeof(Marks));
    close(file_);
}

std::uint64_t SharedEvent::begin_record() {
    const Process self = this_process();
    Lock lock(marks_->mutex);
    const std::uint64_t record = marks_->recorded + 1;
    // Before the record shows: whoever sees one can tell whose it is.
    marks_->recorders[record % kRecorders] = {record, self};
    __atomic_store_n(&marks_->recorded, record, __ATOMIC_SEQ_CST);
    return record;
}

std::uint64_t SharedEvent::recorded() const {
    return __atomic_load_n(&marks_->recorded, __ATOMIC_SEQ_CST);
}
std::uint64_t SharedEvent::completed() const {
    return __atomic_load_n(&marks_->completed, __ATOMIC_SEQ_CST);
}

void SharedEvent::complete(std::uint64_t record) {
    std::uint64_t seen = completed();
    while (seen < record && !__atomic_compare_exchange_n(&marks_->completed, &seen, record, false,
                                                         __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST)) {
    }
    __atomic_add_fetch(&marks_->changes, 1, __ATOMIC_SEQ_CST);
    syscall(SYS_futex, &marks_->changes, FUTEX_WAKE, 0x7fffffff, nullptr, nullptr, 0);
}

bool SharedEvent::abandoned(std::uint64_t record) {
    if (completed() >= record)
        return false;
    bool left = false;
    {
        Lock lock(marks_->mutex);
        // A later record completes this one too.
        std::uint64_t oldest =
            marks_->recorded >= kRecorders ? marks_->recorded - kRecorders + 1 : 1;
        for (std::uint64_t n = std::max(record, oldest); n <= marks_->recorded && !left; ++n)
            left = is_alive(marks_->recorders[n % kRecorders].process);
    }
    // It may have completed the record just before its end.
    return !left && completed() < record;
}

bool SharedEvent::wait(std::uint64_t record) {
    for (;;) {
        std::uint32_t before = __atomic_load_n(&marks_->changes, __ATOMIC_SEQ_CST);
        if (completed() >= record)
            return true;
        if (abandoned(record))
            return false;
        // The end of a process wakes nobody.
        const timespec limit{0, 50 * 1000 * 1000};
        syscall(SYS_futex, &marks_->changes, FUTEX_WAIT, before, &limit, nullptr, 0);
    }
}

} // namespace cudasim::driver
