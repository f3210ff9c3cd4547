local CREATE, WINDOW = take(), take()
--SUBMIT
local answers = {}
for i = 1, tonumber(take()) do
  local messages = read_messages()
  local refused = refusal(messages)
  answers[i] = refused or {'', publish(messages)}
end
save()
return {announce(), answers}
