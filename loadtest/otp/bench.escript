#!/usr/bin/env escript
%%! +P 4000000
-module(bench).
-mode(compile).
-export([main/1, init/1, handle_call/3, handle_cast/2, start_named/1, start_plain/0]).

%% The measured peers of the load test on the BEAM. One JSON line per request.

-define(NAMES, bench_names).

main(["serve"]) ->
    quiet(),
    serve();
main([_ | _] = Request) ->
    quiet(),
    case run(Request) of
        usage -> usage();
        Answer -> io:put_chars([Answer, $\n])
    end;
main([]) ->
    usage().

usage() ->
    io:put_chars(standard_error,
                 "usage: escript bench.escript restart N kill|error CRASHES | call SECONDS | call_many CLIENTS SECONDS\n"
                 "       | idle N | spawn CALLERS SECONDS | serve\n"),
    halt(2).

quiet() ->
    logger:set_primary_config(level, none).

serve() ->
    case io:get_line("") of
        Line when is_list(Line) ->
            case string:lexemes(Line, " \t\r\n") of
                [] -> ok;
                Request -> io:put_chars([served(Request), $\n])
            end,
            serve();
        _ ->
            ok
    end.

%% Memory that earlier requests left with the allocators would be reused
%% unseen, so idle is measured in a machine of its own.
served(["idle", N]) ->
    _ = list_to_integer(N),
    string:trim(os:cmd("escript '" ++ escript:script_name() ++ "' idle " ++ N));
served(Request) ->
    case catch run(Request) of
        {'EXIT', _} -> "{\"error\":\"failed\"}";
        usage -> "{\"error\":\"usage\"}";
        Answer -> Answer
    end.

run(["restart", N, Kind, Crashes]) when Kind =:= "kill"; Kind =:= "error" ->
    restart(list_to_integer(N), list_to_atom(Kind), list_to_integer(Crashes));
run(["call", Seconds]) ->
    calls(1, seconds(Seconds));
run(["call_many", Clients, Seconds]) ->
    calls(list_to_integer(Clients), seconds(Seconds));
run(["idle", N]) ->
    idle(list_to_integer(N));
run(["spawn", Callers, Seconds]) ->
    spawns(list_to_integer(Callers), seconds(Seconds));
run(_) ->
    usage.

seconds(Text) ->
    case string:to_float(Text) of
        {Seconds, []} -> round(Seconds * 1000);
        {error, no_float} -> list_to_integer(Text) * 1000
    end.

%% ---- crash to replacement has answered ----

restart(N, Kind, Crashes) ->
    ets:new(?NAMES, [named_table, public, set, {write_concurrency, true}, {read_concurrency, true}]),
    {ok, Sup} = sup_start(#{strategy => one_for_one, intensity => 1000000000, period => 1},
                          [named(I) || I <- lists:seq(1, N)]),
    ets:insert(?NAMES, {watcher, self()}),
    _ = crashes(max(10, Crashes div 10), Kind, N),
    Times = lists:sort(crashes(Crashes, Kind, N)),
    sup_stop(Sup),
    ets:delete(?NAMES),
    Sorted = list_to_tuple(Times),
    io_lib:format("{\"p50_us\":~.2f,\"p99_us\":~.2f,\"max_us\":~.2f}",
                  [percentile(50, Sorted), percentile(99, Sorted), percentile(100, Sorted)]).

named(I) ->
    #{id => I, start => {?MODULE, start_named, [I]}, restart => permanent, type => worker}.

crashes(Count, Kind, N) ->
    [crash(rand:uniform(N), Kind) || _ <- lists:seq(1, Count)].

crash(Name, Kind) ->
    [{_, Old}] = ets:lookup(?NAMES, Name),
    Begin = erlang:monotonic_time(nanosecond),
    case Kind of
        kill -> exit(Old, kill);
        error -> gen_server:cast(Old, crash)
    end,
    New = receive {up, Name, Pid} -> Pid end,
    pong = gen_server:call(New, ping),
    (erlang:monotonic_time(nanosecond) - Begin) / 1000.

percentile(P, Sorted) ->
    element(max(1, ceil(tuple_size(Sorted) * P / 100)), Sorted).

%% ---- question and answer ----

calls(Clients, Ms) ->
    {ok, Server} = start_plain(),
    _ = rounds(Clients, fun() -> pong = gen_server:call(Server, ping) end, Ms div 5 + 100),
    PerS = rounds(Clients, fun() -> pong = gen_server:call(Server, ping) end, Ms),
    gen_server:stop(Server),
    per_s(PerS).

per_s(PerS) ->
    io_lib:format("{\"per_s\":~.1f}", [PerS]).

%% Runs Act in Clients processes at once for about Ms and says how often a second.
rounds(Clients, Act, Ms) ->
    Counter = counters:new(Clients, [write_concurrency]),
    Begin = erlang:monotonic_time(nanosecond),
    Until = Begin + Ms * 1000000,
    Pids = [spawn_monitor(fun() -> round_of(Act, Until, Counter, I) end) || I <- lists:seq(1, Clients)],
    [receive {'DOWN', Monitor, process, Pid, normal} -> ok end || {Pid, Monitor} <- Pids],
    Took = erlang:monotonic_time(nanosecond) - Begin,
    lists:sum([counters:get(Counter, I) || I <- lists:seq(1, Clients)]) * 1.0e9 / Took.

round_of(Act, Until, Counter, I) ->
    %% The clock is looked at once in a while, it is no part of the question.
    repeat(Act, 16),
    counters:add(Counter, I, 16),
    case erlang:monotonic_time(nanosecond) < Until of
        true -> round_of(Act, Until, Counter, I);
        false -> ok
    end.

repeat(_, 0) ->
    ok;
repeat(Act, N) ->
    Act(),
    repeat(Act, N - 1).

%% ---- bytes per idle child ----

idle(N) ->
    {ok, Sup} = dynamic(),
    Few = many(Sup, 1000),
    [supervisor:terminate_child(Sup, Pid) || Pid <- Few],
    erlang:garbage_collect(),
    {Rss0, Vm0} = {rss(), erlang:memory(total)},
    _ = many(Sup, N),
    erlang:garbage_collect(),
    timer:sleep(200),
    {Rss1, Vm1} = {rss(), erlang:memory(total)},
    sup_stop(Sup),
    io_lib:format("{\"bytes_each_rss\":~.1f,\"bytes_each_vm\":~.1f}",
                  [(Rss1 - Rss0) / N, (Vm1 - Vm0) / N]).

many(Sup, N) ->
    [begin {ok, Pid} = supervisor:start_child(Sup, []), Pid end || _ <- lists:seq(1, N)].

rss() ->
    {ok, Text} = file:read_file("/proc/self/statm"),
    [_, Pages | _] = binary:split(Text, <<" ">>, [global]),
    binary_to_integer(Pages) * page().

page() ->
    case get(page) of
        undefined ->
            Size = list_to_integer(string:trim(os:cmd("getconf PAGESIZE"))),
            put(page, Size),
            Size;
        Size ->
            Size
    end.

%% ---- start and end ----

spawns(Callers, Ms) ->
    {ok, Sup} = dynamic(),
    Act = fun() ->
                  {ok, Pid} = supervisor:start_child(Sup, []),
                  Monitor = monitor(process, Pid),
                  gen_server:cast(Pid, stop),
                  receive {'DOWN', Monitor, process, Pid, _} -> ok end
          end,
    _ = rounds(Callers, Act, Ms div 5 + 100),
    PerS = rounds(Callers, Act, Ms),
    sup_stop(Sup),
    per_s(PerS).

dynamic() ->
    sup_start(#{strategy => simple_one_for_one, intensity => 1, period => 5},
              [#{id => child, start => {?MODULE, start_plain, []}, restart => temporary, shutdown => brutal_kill}]).

%% ---- supervisors and servers, told apart by what they are started with ----

sup_start(Flags, Specs) ->
    supervisor:start_link(?MODULE, {sup, Flags, Specs}).

%% Whoever asked is linked to the supervisor and must outlive it.
sup_stop(Sup) ->
    unlink(Sup),
    Monitor = monitor(process, Sup),
    exit(Sup, kill),
    receive {'DOWN', Monitor, process, Sup, _} -> ok end,
    wait_for_few().

%% The children are still ending when the supervisor is gone, and would be in
%% the way of what is measured next.
wait_for_few() ->
    case erlang:system_info(process_count) > 500 of
        true ->
            timer:sleep(5),
            wait_for_few();
        false ->
            ok
    end.

start_named(Name) ->
    gen_server:start_link(?MODULE, {named, Name}, []).

start_plain() ->
    gen_server:start_link(?MODULE, plain, []).

init({sup, Flags, Specs}) ->
    {ok, {Flags, Specs}};
init({named, Name}) ->
    ets:insert(?NAMES, {Name, self()}),
    %% Polling the table would take a scheduler away from what is measured.
    [Watcher ! {up, Name, self()} || {_, Watcher} <- ets:lookup(?NAMES, watcher)],
    {ok, Name};
init(plain) ->
    {ok, plain}.

handle_call(ping, _, State) ->
    {reply, pong, State}.

handle_cast(stop, State) ->
    {stop, normal, State};
handle_cast(crash, _) ->
    error(crash).
