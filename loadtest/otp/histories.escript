#!/usr/bin/env escript
%%! +S 1:1 +sbwt none +P 1000000
-module(histories).
-mode(compile).
-behaviour(supervisor).
-export([main/1, init/1, start_worker/5, start_sup/3, start_dynamic/4]).

%% Replays histories on OTP's own supervisor and prints what happened, so that
%% another implementation can be compared with it line by line.

-define(PARALLEL, 64).
-define(LIMIT_MS, 180000).

main([File]) ->
    main([File, integer_to_list(?PARALLEL)]);
main([File, Parallel]) ->
    logger:set_primary_config(level, none),
    io:setopts(standard_io, [binary, {encoding, latin1}]),
    Device = case File of
                 "-" -> standard_io;
                 _ -> open(File)
             end,
    halt(conduct(Device, list_to_integer(Parallel)));
main(_) ->
    io:put_chars(standard_error, "usage: escript histories.escript FILE|- [PARALLEL]\n"),
    halt(2).

open(File) ->
    case file:open(File, [read, {encoding, utf8}, {read_ahead, 1 bsl 16}]) of
        {ok, Device} ->
            Device;
        {error, Why} ->
            io:format(standard_error, "~ts: ~ts~n", [File, file:format_error(Why)]),
            halt(2)
    end.

%% ---- many histories at once, printed in the order they came ----

conduct(Device, Parallel) ->
    conduct(#{device => Device, free => Parallel, next => 0, print => 0,
              running => #{}, ready => #{}, status => 0, more => true}).

conduct(#{more := true, free := Free} = C) when Free > 0 ->
    conduct(launch(C));
conduct(#{more := false, running := Running, status := Status}) when map_size(Running) =:= 0 ->
    Status;
conduct(#{running := Running} = C) ->
    receive
        {done, Pid, Text} when is_map_key(Pid, Running) ->
            conduct(collect(Pid, Text, C));
        {overdue, Pid} when is_map_key(Pid, Running) ->
            exit(Pid, kill),
            conduct(C);
        {overdue, _} ->
            conduct(C);
        {'DOWN', _, process, Pid, Reason} when is_map_key(Pid, Running) ->
            Why = unicode:characters_to_binary(io_lib:format("~0tp", [Reason])),
            conduct(collect(Pid, ["{\"trouble\":", quoted(Why), "}\n"], C#{status := 1}));
        {'DOWN', _, process, _, _} ->
            conduct(C)
    end.

launch(#{device := Device, free := Free, next := Next, running := Running} = C) ->
    case io:read(Device, '') of
        {ok, {history, Id, Tree, Events}} ->
            Conductor = self(),
            {Pid, _} = spawn_monitor(fun() -> Conductor ! {done, self(), replay(Tree, Events)} end),
            Timer = erlang:send_after(?LIMIT_MS, self(), {overdue, Pid}),
            C#{free := Free - 1, next := Next + 1, running := Running#{Pid => {Next, Id, Timer}}};
        eof ->
            C#{more := false};
        Other ->
            io:format(standard_error, "not a history: ~0tp~n", [Other]),
            C#{more := false, status := 2}
    end.

collect(Pid, Text, #{free := Free, running := Running, ready := Ready} = C) ->
    {{Number, Id, Timer}, Left} = maps:take(Pid, Running),
    erlang:cancel_timer(Timer),
    Block = [$#, integer_to_list(Id), $\n, Text],
    print_ready(C#{free := Free + 1, running := Left, ready := Ready#{Number => Block}}).

print_ready(#{print := Number, ready := Ready} = C) ->
    case maps:take(Number, Ready) of
        {Block, Left} ->
            ok = file:write(standard_io, Block),
            print_ready(C#{print := Number + 1, ready := Left});
        error ->
            C
    end.

%% ---- one history ----

replay(Tree, Events) ->
    process_flag(trap_exit, true),
    Root = text(element(2, Tree)),
    Runner = self(),
    Tracer = spawn(fun() -> trace(Runner) end),
    _ = start_sup(Tracer, Root, Tree),
    settle(Tracer),
    play(Events, 2, Tracer),
    Text = ask(Tracer, {final, keepers(Tracer)}),
    Text.

play([], _, _) ->
    ok;
play([Event | Rest], Line, Tracer) ->
    Result = case catch act(Event, Tracer) of
                 ok -> ok;
                 {ok, _} -> ok;
                 _ -> error
             end,
    settle(Tracer),
    ask(Tracer, {result, Line, Result}),
    play(Rest, Line + 1, Tracer).

act({sleep_ms, Ms}, _) ->
    timer:sleep(Ms);
act({exit, Path, Reason}, Tracer) ->
    case ask(Tracer, {where, text(Path)}) of
        {worker, Pid} ->
            Monitor = monitor(process, Pid),
            case Reason of
                kill -> exit(Pid, kill);
                _ -> Pid ! {finish, Reason}
            end,
            receive {'DOWN', Monitor, process, Pid, _} -> ok end;
        _ ->
            error
    end;
act({start, Path, Child}, Tracer) ->
    Sup = text(Path),
    case ask(Tracer, {where, Sup}) of
        {{sup, simple_one_for_one}, Pid} ->
            Id = text(element(2, Child)),
            case ask(Tracer, {where, below(Sup, Id)}) of
                none -> supervisor:start_child(Pid, [Id]);
                _ -> error
            end;
        {{sup, _}, Pid} ->
            {ok, _} = Started = supervisor:start_child(Pid, child_spec(Tracer, Sup, Child)),
            ask(Tracer, {last_in_line, below(Sup, text(element(2, Child)))}),
            Started;
        _ ->
            error
    end;
act({Verb, Path}, Tracer) ->
    case string:split(text(Path), <<"/">>, trailing) of
        [Sup, Id] -> act(Verb, ask(Tracer, {where, Sup}), Id, text(Path), Tracer);
        _ -> error
    end.

%% OTP knows the children of a simple_one_for_one by pid only, so the name is
%% turned into the last pid it had, dead or alive.
act(terminate, {{sup, simple_one_for_one}, Sup}, _, Path, Tracer) ->
    case ask(Tracer, {last, Path}) of
        none -> error;
        Pid -> supervisor:terminate_child(Sup, Pid)
    end;
act(terminate, {{sup, _}, Sup}, Id, _, _) ->
    supervisor:terminate_child(Sup, Id);
act(restart, {{sup, _}, Sup}, Id, _, _) ->
    supervisor:restart_child(Sup, Id);
act(delete, {{sup, _}, Sup}, Id, _, _) ->
    supervisor:delete_child(Sup, Id);
act(_, _, _, _, _) ->
    error.

%% ---- settling ----

settle(Tracer) ->
    settle(Tracer, 0, 0).

settle(_, 2, _) ->
    ok;
settle(Tracer, Passes, Tries) ->
    case quiet(Tracer) of
        true ->
            settle(Tracer, Passes + 1, Tries);
        false ->
            %% The pause only spares the processor, it decides nothing.
            if Tries < 20 -> erlang:yield(); true -> timer:sleep(1) end,
            settle(Tracer, 0, Tries + 1)
    end.

%% A dead child stays listed until its supervisor has taken note, a retry shows
%% as restarting, a supervisor busy stopping does not answer, and what a killed
%% supervisor left behind is listed by nobody. So equality of what is listed
%% and what is known alive leaves nothing that could still happen.
quiet(Tracer) ->
    case ask(Tracer, snapshot) of
        {busy, _, _} ->
            false;
        {calm, Count, Up} ->
            Listed = lists:append([listed(Pid) || {Pid, {sup, _}, _} <- Up]),
            Tops = [Pid || {Pid, _, Parent} <- Up, Parent =:= self()],
            lists:sort(Tops ++ Listed) =:= lists:sort([Pid || {Pid, _, _} <- Up])
                andalso lists:all(fun is_process_alive/1, Tops ++ Listed)
                andalso Count =:= element(2, ask(Tracer, snapshot))
    end.

listed(Sup) ->
    try
        [Pid || {_, Pid, _, _} <- supervisor:which_children(Sup), Pid =/= undefined]
    catch
        exit:_ -> [gone]
    end.

keepers(Tracer) ->
    {calm, _, Up} = ask(Tracer, snapshot),
    maps:from_list([{Pid, [Id || {Id, _, _, _} <- supervisor:which_children(Pid)]}
                    || {Pid, {sup, Strategy}, _} <- Up, Strategy =/= simple_one_for_one]).

%% ---- what the supervisors run ----

init({Tracer, Path, {sup, _, Strategy, Intensity, Period, Auto, Children}, Parent}) ->
    _ = ask(Tracer, {attempt, Path, [], Parent}),
    ok = ask(Tracer, {started, Path, {sup, Strategy}, self(), Parent}),
    Specs = case Strategy of
                simple_one_for_one -> [template_spec(Tracer, Path, C) || C <- Children];
                _ -> [child_spec(Tracer, Path, C) || C <- Children]
            end,
    {ok, {#{strategy => Strategy, intensity => Intensity, period => Period,
            auto_shutdown => Auto}, Specs}}.

child_spec(Tracer, Sup, Child) ->
    Id = text(element(2, Child)),
    full_spec(Id, start_call(Tracer, below(Sup, Id), Child), Child).

template_spec(Tracer, Sup, Child) ->
    full_spec(text(element(2, Child)), {?MODULE, start_dynamic, [Tracer, Sup, Child]}, Child).

full_spec(Id, Start, {Type, _, Restart, Shutdown, Significant, _, _}) ->
    spec(Id, Start, Type, Restart, Shutdown, Significant);
full_spec(Id, Start, {Type, _, Restart, Shutdown, Significant, _}) ->
    spec(Id, Start, Type, Restart, Shutdown, Significant).

spec(Id, Start, Type, Restart, Shutdown, Significant) ->
    #{id => Id, start => Start, type => Type, restart => Restart,
      shutdown => Shutdown, significant => Significant, modules => [?MODULE]}.

start_call(Tracer, Path, {worker, _, _, _, _, Fails, Stubborn}) ->
    {?MODULE, start_worker, [Tracer, Path, Fails, Stubborn, worker]};
start_call(Tracer, Path, {supervisor, _, _, _, _, Sup}) ->
    {?MODULE, start_sup, [Tracer, Path, Sup]}.

start_dynamic(Tracer, Sup, Child, Id) ->
    {M, F, A} = start_call(Tracer, below(Sup, Id), Child),
    apply(M, F, A).

start_worker(Tracer, Path, Fails, Stubborn, worker) ->
    case ask(Tracer, {attempt, Path, Fails, self()}) of
        failed ->
            {error, told_to_fail};
        go ->
            Parent = self(),
            Pid = spawn_link(fun() ->
                                     process_flag(trap_exit, Stubborn),
                                     Parent ! {ready, self()},
                                     work(Parent)
                             end),
            receive {ready, Pid} -> ok end,
            ok = ask(Tracer, {started, Path, worker, Pid, Parent}),
            {ok, Pid}
    end.

start_sup(Tracer, Path, Sup) ->
    case supervisor:start_link(?MODULE, {Tracer, Path, Sup, self()}) of
        {ok, Pid} ->
            {ok, Pid};
        Error ->
            %% The answer comes before that process has ended. Its end belongs
            %% before whatever is done about the failure.
            ok = ask(Tracer, {over, Path}),
            Error
    end.

work(Parent) ->
    receive
        {finish, Reason} -> exit(Reason);
        %% Only a stubborn worker sees this. A kill reaches whole subtrees,
        %% or it would outlive its supervisor for ever.
        {'EXIT', Parent, killed} -> exit(killed);
        _ -> work(Parent)
    end.

%% ---- the tracer ----

%% `up` holds pid => {Path, Kind, Parent, alive | held}. A supervisor that went
%% down before its children is held: it is over when they are. Until then only
%% what concerns its subtree is taken in, all else is deferred. In which order
%% such a subtree ends depends on how the runtime keeps its links, so it is
%% printed in the order of an orderly stop: last child first, supervisors last.
trace(Runner) ->
    monitor(process, Runner),
    trace_loop(#{runner => Runner, up => #{}, last => #{}, attempts => #{}, deferred => [],
                 down_deferred => #{}, waiting => [], places => #{}, block => [],
                 count => 0, out => []}).

trace_loop(#{runner := Runner} = S) ->
    receive
        {'DOWN', _, process, Runner, _} ->
            take_down(S);
        {ask, From, {final, Keepers}} ->
            answer(From, final(Keepers, S)),
            take_down(S);
        Message ->
            trace_loop(route(Message, S))
    end.

route({'DOWN', _, process, Pid, Reason} = Message, #{down_deferred := Downs} = S) ->
    case concerns(Pid, S) of
        true -> down(Pid, Reason, S);
        false -> defer(Message, S#{down_deferred := Downs#{Pid => true}})
    end;
route({ask, From, {attempt, Path, Fails, Parent}} = Message, S0) ->
    %% Whoever starts something may have seen ends of which we have not been
    %% told yet, and those come first.
    S = case concerns(Parent, S0) of
            true -> take_ends(S0);
            false -> S0
        end,
    case concerns(Parent, S) of
        true -> attempt(From, Path, Fails, S);
        false -> defer(Message, S)
    end;
route({ask, From, {started, Path, Kind, Pid, Parent}}, S) ->
    #{up := Up, last := Last, attempts := Attempts, places := Places} = S,
    monitor(process, Pid),
    answer(From, ok),
    %% A restarted child keeps its place in its supervisor's list.
    Place = case Places of
                #{Path := {Parent, Kept}} -> Kept;
                _ -> erlang:unique_integer([monotonic])
            end,
    line(["{\"started\":", quoted(Path), ",\"n\":", integer_to_list(map_get(Path, Attempts)), "}\n"],
         S#{up := Up#{Pid => {Path, Kind, Parent, alive}}, last := Last#{Path => Pid},
           places := Places#{Path => {Parent, Place}}});
route({ask, From, {over, Path}}, #{waiting := Waiting} = S) ->
    tell_waiting(S#{waiting := [{Path, From} | Waiting]});
route({ask, From, {where, Path}}, #{up := Up, last := Last} = S) ->
    answer(From, case Last of
                     #{Path := Pid} when is_map_key(Pid, Up) ->
                         {element(2, map_get(Pid, Up)), Pid};
                     _ ->
                         none
                 end),
    S;
route({ask, From, {last, Path}}, #{last := Last} = S) ->
    answer(From, maps:get(Path, Last, none)),
    S;
route({ask, From, {last_in_line, Path}}, #{places := Places} = S) ->
    answer(From, ok),
    {Parent, _} = map_get(Path, Places),
    S#{places := Places#{Path := {Parent, erlang:unique_integer([monotonic])}}};
route({ask, From, snapshot}, #{up := Up, count := Count, deferred := Deferred, waiting := Waiting} = S) ->
    Calm = Deferred =:= [] andalso Waiting =:= [] andalso not any_held(S),
    answer(From, {if Calm -> calm; true -> busy end, Count,
                  [{Pid, Kind, Parent} || {Pid, {_, Kind, Parent, _}} <- maps:to_list(Up)]}),
    S;
route({ask, From, {result, Of, Result}}, #{out := Out} = S) ->
    answer(From, ok),
    S#{out := [["{\"result\":\"", atom_to_list(Result), "\",\"of\":", integer_to_list(Of), "}\n"] | Out]}.

attempt(From, Path, Fails, #{attempts := Attempts} = S) ->
    N = maps:get(Path, Attempts, 0) + 1,
    Counted = S#{attempts := Attempts#{Path => N}},
    case lists:member(N, Fails) of
        true ->
            answer(From, failed),
            line(["{\"failed\":", quoted(Path), ",\"n\":", integer_to_list(N), "}\n"], Counted);
        false ->
            answer(From, go),
            Counted
    end.

take_ends(#{up := Up, down_deferred := Downs} = S) ->
    take_ends(maps:from_list([{Pid, true} || {Pid, {_, _, _, alive}} <- maps:to_list(Up),
                                             not is_map_key(Pid, Downs),
                                             not is_process_alive(Pid)]), S).

take_ends(Dead, S) when map_size(Dead) =:= 0 ->
    S;
take_ends(Dead, S) ->
    receive
        {'DOWN', _, process, Pid, _} = Message when is_map_key(Pid, Dead) ->
            take_ends(maps:remove(Pid, Dead), route(Message, S))
    end.

down(Pid, Reason, #{up := Up} = S) ->
    case has_children(Pid, S) of
        true ->
            {Path, Kind, Parent, alive} = map_get(Pid, Up),
            S#{up := Up#{Pid := {Path, Kind, Parent, held}}};
        false ->
            Held = any_held(S),
            After = tell_waiting(over(Pid, Reason, Held, S)),
            resume(print_block(After))
    end.

over(Pid, Reason, Held, #{up := Up, block := Block} = S0) ->
    {{Path, Kind, Parent, _}, Left} = maps:take(Pid, Up),
    Text = ["{\"stopped\":", quoted(Path), ",\"reason\":\"", reason(Kind, Reason), "\"}\n"],
    S = case Held of
            true -> S0#{up := Left, block := [{Path, Text} | Block]};
            false -> line(Text, S0#{up := Left})
        end,
    case Left of
        #{Parent := {_, _, _, held}} ->
            case has_children(Parent, S) of
                true -> S;
                false -> over(Parent, shutdown, Held, S)
            end;
        _ ->
            S
    end.

print_block(#{block := []} = S) ->
    S;
print_block(#{block := Block} = S) ->
    case any_held(S) of
        true ->
            S;
        false ->
            Ordered = lists:sort([{rank(Path, S), Text} || {Path, Text} <- Block]),
            lists:foldl(fun({_, Text}, Acc) -> line(Text, Acc) end, S#{block := []}, Ordered)
    end.

%% Numbers sort before atoms, so whatever is below something comes before it.
rank(Path, S) ->
    rank(Path, S, [self]).

rank(Path, #{places := Places} = S, Below) ->
    {_, Place} = map_get(Path, Places),
    case string:split(Path, <<"/">>, trailing) of
        [Sup, _] -> rank(Sup, S, [-Place | Below]);
        [_] -> [-Place | Below]
    end.

reason({sup, _}, _) -> "shutdown";
reason(worker, normal) -> "normal";
reason(worker, shutdown) -> "shutdown";
reason(worker, killed) -> "killed";
reason(worker, _) -> "error".

has_children(Pid, #{up := Up}) ->
    lists:any(fun({_, _, Parent, _}) -> Parent =:= Pid end, maps:values(Up)).

any_held(#{up := Up}) ->
    lists:any(fun({_, _, _, State}) -> State =:= held end, maps:values(Up)).

concerns(Pid, S) ->
    not any_held(S) orelse under_held(Pid, S).

under_held(Pid, #{up := Up} = S) ->
    case Up of
        #{Pid := {_, _, _, held}} -> true;
        #{Pid := {_, _, Parent, alive}} -> under_held(Parent, S);
        _ -> false
    end.

defer(Message, #{deferred := Deferred} = S) ->
    S#{deferred := [Message | Deferred]}.

resume(#{deferred := [_ | _] = Deferred} = S) ->
    case any_held(S) of
        true -> S;
        false -> lists:foldl(fun resume/2, S#{deferred := []}, lists:reverse(Deferred))
    end;
resume(S) ->
    S.

resume({'DOWN', _, process, Pid, _} = Message, #{down_deferred := Downs} = S) ->
    route(Message, S#{down_deferred := maps:remove(Pid, Downs)});
resume(Message, S) ->
    route(Message, S).

tell_waiting(#{waiting := Waiting, up := Up, last := Last} = S) ->
    {Done, Left} = lists:partition(
                     fun({Path, _}) -> not is_map_key(maps:get(Path, Last, none), Up) end, Waiting),
    [answer(From, ok) || {_, From} <- Done],
    S#{waiting := Left}.

%% Anything but an end within a held subtree keeps the order of arrival.
line(Text, #{out := Out, count := Count, block := Block} = S) ->
    S#{out := [Text] ++ [Ended || {_, Ended} <- Block] ++ Out, block := [],
       count := Count + length(Block) + 1}.

final(Keepers, #{out := Out, attempts := Attempts} = S) ->
    Entries = [[quoted(Path), ":\"", standing(Path, Keepers, S), "\""]
               || Path <- lists:sort(maps:keys(Attempts))],
    iolist_to_binary([lists:reverse(Out), "{\"final\":{", lists:join(",", Entries), "}}\n"]).

standing(Path, Keepers, #{last := Last, up := Up}) ->
    case Last of
        #{Path := Pid} when is_map_key(Pid, Up) ->
            "running";
        _ ->
            case string:split(Path, <<"/">>, trailing) of
                [Sup, Id] ->
                    case lists:member(Id, maps:get(maps:get(Sup, Last, none), Keepers, [])) of
                        true -> "stopped";
                        false -> "gone"
                    end;
                _ ->
                    "gone"
            end
    end.

%% Supervisors go first, so that none restarts what is taken from it.
take_down(#{up := Up}) ->
    {Sups, Workers} = lists:partition(fun({_, {_, Kind, _, _}}) -> Kind =/= worker end, maps:to_list(Up)),
    [exit(Pid, kill) || {Pid, _} <- Sups ++ Workers],
    take_down_late().

take_down_late() ->
    receive
        {ask, _, {started, _, _, Pid, _}} ->
            exit(Pid, kill),
            take_down_late();
        {ask, {Pid, _}, {attempt, _, _, _}} ->
            exit(Pid, kill),
            take_down_late();
        _ ->
            take_down_late()
    after 1000 ->
        ok
    end.

%% ---- small things ----

ask(Tracer, What) ->
    Ref = monitor(process, Tracer),
    Tracer ! {ask, {self(), Ref}, What},
    receive
        {Ref, Answer} ->
            demonitor(Ref, [flush]),
            Answer;
        {'DOWN', Ref, process, _, Why} ->
            exit({tracer, Why})
    end.

answer({Pid, Ref}, Answer) ->
    Pid ! {Ref, Answer}.

below(Sup, Id) ->
    <<Sup/binary, "/", Id/binary>>.

text(Text) ->
    unicode:characters_to_binary(Text).

quoted(Text) ->
    [$", [escaped(C) || <<C>> <= Text], $"].

escaped($") -> "\\\"";
escaped($\\) -> "\\\\";
escaped($\n) -> "\\n";
escaped($\r) -> "\\r";
escaped($\t) -> "\\t";
escaped($\b) -> "\\b";
escaped($\f) -> "\\f";
escaped(C) when C < 32 -> io_lib:format("\\u~4.16.0b", [C]);
escaped(C) -> C.
