"""Who grades: this process, a cluster of processes here, or a Dask scheduler with its workers."""

import contextlib

from grading import records, work


def results(jobs, how, n_jobs=1, scheduler=""):
    """Yield (job, record) as each is done, in any order. A worker that is killed loses nothing: its
    job is done by another. One job that fails gets a record that says so, and stops no other."""
    if n_jobs == 1 and not scheduler:
        for one in jobs:
            yield one, attempted(one, how)
        return
    from dask.distributed import as_completed

    with client(n_jobs, scheduler) as own:
        checks = records.checks_digest()
        futures = {own.submit(work.graded, one, how, checks, pure=False): one for one in jobs}
        for future in as_completed(list(futures)):
            one = futures.pop(future)
            error = future.exception()
            yield one, work.broken(one, error) if error else future.result()


def attempted(one, how):
    try:
        return work.graded(one, how, records.checks_digest())
    except Exception as error:  # one bad submission never stops the class
        return work.broken(one, error)


@contextlib.contextmanager
def client(n_jobs, scheduler):
    import dask
    from dask.distributed import Client, LocalCluster

    # A kernel is watched by a process of its own, which a daemon may not start.
    dask.config.set({"distributed.worker.daemon": False})
    if scheduler:
        with Client(scheduler) as own:
            yield own
        return
    how = dict(n_workers=n_jobs, threads_per_worker=1, dashboard_address=None)
    with LocalCluster(**how, memory_limit=0) as here, Client(here) as own:
        yield own
