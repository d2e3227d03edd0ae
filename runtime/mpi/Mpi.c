/* The table of Mpi.h for the implementation whose mpicc compiles this.
 *
 * Messages and a barrier are all that is used of MPI, without blocking, so that
 * every wait has an end and the rank that is waited for has a name.
 *
 * Part of the fpmoe project, under the Apache License v2.0 with LLVM
 * Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#define _GNU_SOURCE
#include "runtime/mpi/Mpi.h"

#include <mpi.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { tagMessage = 1, tagCollect, tagReduce, tagGather, tagAlive };

/* Up to so many numbers, every rank sends all of them to each of its partners,
 * which takes the fewest messages; above it sends parts, the fewest bytes. */
enum { fewNumbers = 8192 };

/* What one message can hold, with room for all implementations. */
enum { mostNumbers = 1 << 28 };

/* That are waited for together: one for each bit of a rank. */
enum { mostRequests = 32 };

typedef struct Host {
  char name[64];
} Host;

static MPI_Comm ranks = MPI_COMM_NULL;
static int rank, count, exitCode;
static pid_t starter; /* the process that started this one */
static double timeout;
static Host *hosts;
static int isCrowded; /* this machine has more ranks than CPUs for them */
static char failure[512];
static int hasFailed;
static float *received;
static int64_t receivedRoom;

static double now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (double)time.tv_sec + 1e-9 * (double)time.tv_nsec;
}

static void sleepFor(double seconds) { usleep((useconds_t)(seconds * 1e6)); }

static int failWith(const char *text) {
  snprintf(failure, sizeof(failure), "%s", text);
  hasFailed = 1;
  return 1;
}

/* "rank 3 on node4, " behind a text. */
static void appendRank(char *text, size_t room, int of) {
  size_t length = strlen(text);
  snprintf(text + length, room - length, "%srank %d on %s", length ? ", " : "",
           of, hosts ? hosts[of].name : "its machine");
}

/* Finds out with all ranks that still wait who does not, and lets the lowest of
 * those say it. `reason` is what MPI said, or null after the timeout. */
static int giveUp(const char *reason) {
  /* What is on its way stays so: the process ends. */
  char *isAlive = calloc((size_t)count, 1);
  MPI_Request request;
  int first = rank, silent = 0, begins = 1;
  char names[256] = "";
  if (!isAlive)
    return failWith("out of memory");
  isAlive[rank] = 1;
  for (int other = 0; other < count; ++other)
    if (other != rank)
      MPI_Isend(&rank, 1, MPI_INT, other, tagAlive, ranks, &request);
  for (double end = now() + 1.5; now() < end; sleepFor(1e-3)) {
    int isThere = 0, from;
    MPI_Status status;
    if (MPI_Iprobe(MPI_ANY_SOURCE, tagAlive, ranks, &isThere, &status) ||
        !isThere)
      continue;
    MPI_Recv(&from, 1, MPI_INT, status.MPI_SOURCE, tagAlive, ranks,
             MPI_STATUS_IGNORE);
    isAlive[status.MPI_SOURCE] = 1;
  }
  for (int other = 0; other < count; ++other) {
    if (isAlive[other]) {
      first = begins ? other : first;
      begins = 0;
      continue;
    }
    ++silent;
    appendRank(names, sizeof(names), other);
  }
  free(isAlive);
  hasFailed = 1;
  if (first != rank) {
    /* For that one to say it and to end all: mpirun may hang where several
     * ranks do that at once. */
    sleepFor(5);
    failure[0] = 0;
    return 1;
  }
  if (reason)
    snprintf(failure, sizeof(failure), "MPI: %s%s%s", reason,
             silent ? "; nothing comes from " : "", names);
  else if (silent)
    snprintf(failure, sizeof(failure),
             "nothing came from %s for %g s: it hangs, or its machine cannot "
             "be reached; --mpi-timeout waits longer",
             names, timeout);
  else
    snprintf(failure, sizeof(failure),
             "no rank got a message for %g s: the network between them loses "
             "some",
             timeout);
  return 1;
}

static int failMpi(int code) {
  char text[MPI_MAX_ERROR_STRING + 1] = "an unknown error";
  int length;
  MPI_Error_string(code, text, &length);
  return giveUp(text);
}

/* How long something is waited for, and how: at first without a pause, then
 * letting others run; from a while on asleep, where that may take long. */
typedef struct Wait {
  int polls, isPatient;
  double start, asked;
} Wait;

/* Between two looks. Not 0: there is no use in waiting on. */
static int waitMore(Wait *wait) {
  enum { pollsPerLook = 64 }; /* at the clock */
  if (hasFailed)
    return 1;
  if (++wait->polls % pollsPerLook)
    return 0;
  double time = now();
  if (wait->start == 0)
    wait->start = wait->asked = time;
  double waited = time - wait->start;
  if (waited < (isCrowded ? 1e-5 : wait->isPatient ? 2e-3 : 1e-2))
    return 0;
  /* From now on every look counts. */
  wait->polls = pollsPerLook - 1;
  if (wait->isPatient && waited > 2e-3)
    sleepFor(waited < 0.2 ? 5e-5 : 1e-3);
  else if (waited > 1)
    sleepFor(1e-4);
  else
    sched_yield();
  if (time - wait->asked < 0.05)
    return 0;
  wait->asked = time;
  /* mpirun ends the ranks that are left; whoever ended mpirun did not. */
  if (getppid() != starter)
    return failWith("what started this rank has ended");
  int isAsked = 0;
  MPI_Iprobe(MPI_ANY_SOURCE, tagAlive, ranks, &isAsked, MPI_STATUS_IGNORE);
  if (isAsked || (!wait->isPatient && waited > timeout))
    return giveUp(NULL);
  return 0;
}

static int waitFor(MPI_Request *requests, int number) {
  MPI_Status statuses[mostRequests];
  Wait wait = {0, 0, 0, 0};
  for (int isDone = 0;;) {
    int code = MPI_Testall(number, requests, &isDone, statuses);
    for (int i = 0; code == MPI_ERR_IN_STATUS && i < number; ++i)
      if (statuses[i].MPI_ERROR && statuses[i].MPI_ERROR != MPI_ERR_PENDING)
        code = statuses[i].MPI_ERROR;
    if (code)
      return failMpi(code);
    if (isDone)
      return 0;
    if (waitMore(&wait))
      return 1;
  }
}

static int startSend(const void *data, int64_t bytes, int to, int tag,
                     MPI_Request *request) {
  int code = MPI_Isend(data, (int)bytes, MPI_BYTE, to, tag, ranks, request);
  return code ? failMpi(code) : 0;
}

static int startReceive(void *data, int64_t bytes, int from, int tag,
                        MPI_Request *request) {
  int code = MPI_Irecv(data, (int)bytes, MPI_BYTE, from, tag, ranks, request);
  return code ? failMpi(code) : 0;
}

static int isTooLong(int64_t bytes) {
  return hasFailed || ((bytes < 0 || bytes > INT32_MAX) &&
                       failWith("a message is too long for MPI"));
}

/* The others of a binary tree in which each rank gets a message from the one
 * without its lowest bit. */
static int forward(const void *data, int64_t bytes) {
  MPI_Request requests[mostRequests];
  int number = 0;
  int lowest = rank ? rank & -rank : count;
  for (int bit = 1; bit < lowest && rank + bit < count; bit <<= 1)
    if (startSend(data, bytes, rank + bit, tagMessage, &requests[number++]))
      return 1;
  return waitFor(requests, number);
}

static int mpiSend(const void *data, int64_t bytes) {
  return isTooLong(bytes) || forward(data, bytes);
}

static MPI_Message message;

static int64_t mpiWait(void) {
  Wait wait = {0, 1, 0, 0};
  int from = rank & (rank - 1), isThere = 0, bytes = 0;
  MPI_Status status;
  if (hasFailed)
    return -1;
  for (;;) {
    int code =
        MPI_Improbe(from, tagMessage, ranks, &isThere, &message, &status);
    if (code)
      return -failMpi(code);
    if (isThere)
      break;
    if (waitMore(&wait))
      return -1;
  }
  MPI_Get_count(&status, MPI_BYTE, &bytes);
  return bytes;
}

static int mpiReceive(void *data, int64_t bytes) {
  MPI_Request request;
  if (isTooLong(bytes))
    return 1;
  int code = MPI_Imrecv(data, (int)bytes, MPI_BYTE, &message, &request);
  if (code)
    return failMpi(code);
  return waitFor(&request, 1) || forward(data, bytes);
}

static int mpiCollect(const void *own, int64_t bytes, void *all) {
  MPI_Request request;
  if (isTooLong(bytes))
    return 1;
  if (rank)
    return startSend(own, bytes, 0, tagCollect, &request) ||
           waitFor(&request, 1);
  memcpy(all, own, (size_t)bytes);
  for (int from = 1; from < count; ++from)
    if (startReceive((char *)all + from * bytes, bytes, from, tagCollect,
                     &request) ||
        waitFor(&request, 1))
      return 1;
  return 0;
}

/* Sends some numbers to another rank and receives some from it. */
static int exchange(int with, const float *out, int64_t outCount, float *in,
                    int64_t inCount) {
  MPI_Request requests[2];
  int64_t size = sizeof(float);
  return startReceive(in, inCount * size, with, tagReduce, &requests[0]) ||
         startSend(out, outCount * size, with, tagReduce, &requests[1]) ||
         waitFor(requests, 2);
}

/* The lower rank's numbers stand on the left. */
static void addReceived(float *restrict numbers, int64_t number, int isLower) {
  const float *restrict other = received;
  if (isLower)
    for (int64_t i = 0; i < number; ++i)
      numbers[i] = numbers[i] + other[i];
  else
    for (int64_t i = 0; i < number; ++i)
      numbers[i] = other[i] + numbers[i];
}

/* Each rank adds up all numbers: with its neighbour's, then with those of the
 * neighbouring pair, and so on. */
static int reduceFew(float *numbers, int64_t number) {
  for (int bit = 1; bit < count; bit <<= 1) {
    if (exchange(rank ^ bit, numbers, number, received, number))
      return 1;
    addReceived(numbers, number, !(rank & bit));
  }
  return 0;
}

/* The same sums, of which a rank makes a part: with each partner it goes on
 * with half of the numbers that it has, and then takes those halves back. */
static int reduceMany(float *numbers, int64_t number) {
  int64_t firsts[32], ends[32], first = 0, end = number;
  int depth = 0;
  for (int bit = 1; bit < count; bit <<= 1, ++depth) {
    int isLower = !(rank & bit);
    int64_t middle = first + (end - first) / 2;
    firsts[depth] = first;
    ends[depth] = end;
    int64_t keep = isLower ? first : middle, keepEnd = isLower ? middle : end;
    int64_t give = isLower ? middle : first, giveEnd = isLower ? end : middle;
    if (exchange(rank ^ bit, numbers + give, giveEnd - give, received,
                 keepEnd - keep))
      return 1;
    addReceived(numbers + keep, keepEnd - keep, isLower);
    first = keep;
    end = keepEnd;
  }
  for (int bit = count >> 1; bit > 0; bit >>= 1) {
    --depth;
    int64_t other = rank & bit ? firsts[depth] : end;
    int64_t otherEnd = rank & bit ? first : ends[depth];
    if (exchange(rank ^ bit, numbers + first, end - first, numbers + other,
                 otherEnd - other))
      return 1;
    first = firsts[depth];
    end = ends[depth];
  }
  return 0;
}

static int mpiReduce(float *numbers, int64_t number) {
  while (number > 0) {
    int64_t some = number < mostNumbers ? number : mostNumbers;
    if (some > receivedRoom) {
      free(received);
      received = malloc((size_t)some * sizeof(float));
      receivedRoom = received ? some : 0;
      if (!received)
        return failWith("out of memory");
    }
    if (hasFailed || (some > fewNumbers ? reduceMany(numbers, some)
                                        : reduceFew(numbers, some)))
      return 1;
    numbers += some;
    number -= some;
  }
  return 0;
}

/* Sends or receives the columns of a rank, out of rows of `stride`. */
static int moveColumns(const float *from, float *to, int64_t rows,
                       int64_t columns, int64_t stride, int with) {
  MPI_Datatype type;
  MPI_Request request;
  int code =
      MPI_Type_vector((int)rows, (int)columns, (int)stride, MPI_FLOAT, &type);
  if (!code)
    code = MPI_Type_commit(&type);
  if (!code)
    code = to ? MPI_Irecv(to, 1, type, with, tagGather, ranks, &request)
              : MPI_Isend(from, 1, type, with, tagGather, ranks, &request);
  if (code)
    return failMpi(code);
  int result = waitFor(&request, 1);
  MPI_Type_free(&type);
  return result;
}

/* Columns that a rank has of all. */
static int64_t columnsOf(int of, int64_t partColumns, int64_t columns) {
  int64_t left = columns - of * partColumns;
  return left < 0 ? 0 : left < partColumns ? left : partColumns;
}

static int mpiGather(const float *part, int64_t rows, int64_t partColumns,
                     float *all, int64_t columns) {
  int64_t own = columnsOf(rank, partColumns, columns);
  if (isTooLong(rows) || isTooLong(columns) || isTooLong(partColumns))
    return 1;
  if (rows == 0)
    return 0;
  if (rank)
    return own && moveColumns(part, NULL, rows, own, partColumns, 0);
  for (int64_t row = 0; row < rows; ++row)
    memcpy(all + row * columns, part + row * partColumns,
           (size_t)own * sizeof(float));
  for (int from = 1; from < count; ++from) {
    int64_t theirs = columnsOf(from, partColumns, columns);
    if (theirs && moveColumns(NULL, all + from * partColumns, rows, theirs,
                              columns, from))
      return 1;
  }
  return 0;
}

static int shareHosts(void) {
  Host own = {""};
  char name[MPI_MAX_PROCESSOR_NAME + 1] = "";
  int length;
  hosts = calloc((size_t)count, sizeof(Host));
  if (!hosts)
    return failWith("out of memory");
  MPI_Get_processor_name(name, &length);
  snprintf(own.name, sizeof(own.name), "%.63s", name);
  for (char *c = own.name; *c; ++c)
    if (*c <= ' ' || *c > '~')
      *c = '?';
  int64_t bytes = (int64_t)sizeof(Host) * count;
  if (mpiCollect(&own, sizeof(own), hosts) ||
      (rank ? mpiWait() != bytes || mpiReceive(hosts, bytes)
            : mpiSend(hosts, bytes)))
    return 1;
  int neighbours = 0;
  for (int other = 0; other < count; ++other)
    neighbours += strcmp(hosts[other].name, own.name) == 0;
  isCrowded = neighbours > sysconf(_SC_NPROCESSORS_ONLN);
  return 0;
}

/* What MPI itself waits for when it starts has an end, too. */
static void failInTime(int number) {
  static const char text[] = "error: MPI does not start in time: "
                             "--mpi-timeout waits longer\n";
  (void)number;
  (void)!write(STDERR_FILENO, text, sizeof(text) - 1); /* the end in any case */
  _exit(EXIT_FAILURE);
}

/* All ranks are done. What MPI waits for, as MPICH 4.0.2 may over TCP, for a
 * rank that makes no progress any more, is nobody else's affair. */
static void endInTime(int number) {
  (void)number;
  _exit(exitCode);
}

static void limitTime(double seconds, void (*end)(int)) {
  signal(SIGALRM, end);
  alarm((unsigned)seconds);
}

static int mpiStart(double seconds) {
  int provided = 0, isStarted = 0;
  starter = getppid();
  timeout = seconds;
  if (MPI_Initialized(&isStarted) || isStarted)
    return failWith("MPI was started before");
  limitTime(timeout + 1, failInTime);
  int code = MPI_Init_thread(NULL, NULL, MPI_THREAD_SERIALIZED, &provided);
  limitTime(0, SIG_DFL);
  if (code)
    return failWith("MPI does not start");
  if (provided < MPI_THREAD_SERIALIZED)
    return failWith("this MPI was built for processes of one thread");
  /* Messages of our own, and errors that come back to us. */
  if (MPI_Comm_dup(MPI_COMM_WORLD, &ranks) ||
      MPI_Comm_set_errhandler(ranks, MPI_ERRORS_RETURN) ||
      MPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRORS_RETURN) ||
      MPI_Comm_set_errhandler(MPI_COMM_SELF, MPI_ERRORS_RETURN) ||
      MPI_Comm_rank(ranks, &rank) || MPI_Comm_size(ranks, &count))
    return failWith("MPI does not start");
  return shareHosts();
}

static int32_t mpiRank(void) { return rank; }
static int32_t mpiCount(void) { return count; }
static const char *mpiHost(int32_t of) { return hosts[of].name; }
static const char *mpiError(void) { return failure; }

static int mpiFinish(int whenLate) {
  MPI_Request request;
  /* Whoever does not come here is found while a wait still has an end. */
  int code = MPI_Ibarrier(ranks, &request);
  if (code || waitFor(&request, 1))
    return code ? failMpi(code) : 1;
  exitCode = whenLate;
  limitTime(3, endInTime);
  code = MPI_Comm_free(&ranks) || MPI_Finalize();
  limitTime(0, SIG_DFL);
  return code;
}

static void mpiAbort(int code) {
  MPI_Abort(MPI_COMM_WORLD, code);
  _exit(code);
}

const FpmoeMpi *fpmoe_mpi(uint32_t version) {
  static const FpmoeMpi table = {
      FPMOE_MPI_VERSION, mpiStart,  mpiRank,   mpiCount,   mpiHost,
      mpiError,          mpiSend,   mpiWait,   mpiReceive, mpiCollect,
      mpiReduce,         mpiGather, mpiFinish, mpiAbort};
  return version == FPMOE_MPI_VERSION ? &table : NULL;
}
