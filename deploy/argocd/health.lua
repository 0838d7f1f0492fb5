-- Health of a FlashJob for Argo CD: Healthy when every device is done, Degraded when the job failed or waits for somebody
-- to act, Suspended while it is told to start nothing or waits for somebody's approval, else Progressing. Follows the conditions,
-- not the phase.
local health = {status = "Progressing", message = ""}

if obj.metadata.deletionTimestamp ~= nil then
  health.message = "being deleted: flashes in progress end first"
  return health
end

local status = obj.status
if status == nil or status.conditions == nil then
  health.message = "not seen by the operator yet"
  return health
end

-- What is said of an older spec says nothing of this one.
if status.observedGeneration ~= obj.metadata.generation then
  health.message = "the spec changed and was not seen by the operator yet"
  return health
end

local is = {}
for _, condition in ipairs(status.conditions) do
  is[condition.type] = condition.status == "True"
end

if is.Complete then
  health.status = "Healthy"
elseif is.Failed or is.Stalled then
  health.status = "Degraded"
elseif is.Suspended or status.reason == "AwaitingApproval" or status.reason == "ApproverUnknown" then
  -- Argo CD's word for what goes on when a person says so; what waits for a time goes on by itself.
  health.status = "Suspended"
end
health.message = (status.progress or "0/0") .. " " .. (status.reason or "")
if status.message ~= nil and status.message ~= "" then
  health.message = health.message .. ": " .. status.message
end
return health
